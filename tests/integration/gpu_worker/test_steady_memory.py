"""A worker does not grow: by no sizes, samplers, sources, LoRAs, cancelled jobs or time."""

import json
import re
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from shutil import copytree

from backend.contracts import (
    LoraUse,
    ModelFamily,
    RenderJob,
    Sampler,
    SourceKey,
    Tier,
    cancel_key,
)
from gpu_worker.compose.composer import load_model
from tests.integration.gpu_worker.conftest import (
    Line,
    StartWorker,
    WorkerProcess,
    a_render_job,
    wait_for,
)
from tests.unit.gpu_worker.compose.loras import style_lora

JOBS, SETTLED_AFTER, MOST_GROWTH = 200, 20, 0.05
AT_ONCE, DISTINCT = 8, 13
LAST = (JOBS - SETTLED_AFTER) % AT_ONCE
RATIOS = [(1, 1), (3, 2), (2, 3), (16, 9), (9, 16), (4, 3), (1, 2)]
SAMPLERS = [Sampler.EULER_A, Sampler.DPMPP_2M_KARRAS, Sampler.LCM, Sampler.DDIM, Sampler.EULER]
OUTFITS = [[], [LoraUse(name="one")], [], [LoraUse(name="two"), LoraUse(name="one", scale=0.5)]]


def mixed_jobs(source: SourceKey) -> Iterator[tuple[RenderJob, bool]]:
    """Yield jobs without end, and whether each is to be cancelled on its way."""
    for number in count(1):
        width, height = RATIOS[number % len(RATIOS)]
        is_cancelled = number % 11 == 0
        yield (
            a_render_job(
                number,
                # What encoders make of words is kept, up to a bound; these few come again.
                prompt=f"fox number {number % DISTINCT} " + "in the snow " * (number % DISTINCT),
                seed=number,
                tier=list(Tier)[number % 3],
                aspect_width=width,
                aspect_height=height,
                image_count=1 + (number % 4 == 0),
                steps=400 if is_cancelled else 1 + number % 3,
                guidance=(1.0, 5.0)[number % 2],
                sampler=SAMPLERS[number % len(SAMPLERS)],
                source=source if number % 5 == 0 else None,
                loras=OUTFITS[number % len(OUTFITS)],
            ),
            is_cancelled,
        )


def write_loras(folder: Path, tiny_sdxl: Path) -> None:
    folder.mkdir()
    model = load_model(ModelFamily.SDXL, str(tiny_sdxl), device="cpu", dtype="float32")
    style_lora(folder / "one.safetensors", model, rank=4, seed=1)
    style_lora(folder / "two.safetensors", model, rank=6, seed=2)


def with_a_larger_side(tiny_sdxl: Path, folder: Path) -> Path:
    """Copy the tiny model as one of 128 px: no side of a picture may be too short for a mark."""
    copytree(tiny_sdxl, folder)
    config = folder / "unet/config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"sample_size": 16}))
    return folder


def resident_kib(worker: WorkerProcess) -> int:
    status = Path(f"/proc/{worker.process.pid}/status").read_text()
    found = re.search(r"^VmRSS:\s+(\d+) kB", status, re.M)
    assert found is not None
    return int(found.group(1))


def at_rest_kib(worker: WorkerProcess) -> int:
    """Return how large a worker is once nothing is in hand: its last pages go back a bit later."""
    looks = []
    for _ in range(10):
        looks.append(resident_kib(worker))
        time.sleep(0.05)
    return min(looks)


def test_two_hundred_mixed_jobs_leave_the_worker_as_large_as_twenty(
    line: Line, start_worker: StartWorker, tiny_sdxl: Path, tmp_path: Path
):
    write_loras(tmp_path / "loras", tiny_sdxl)
    model = with_a_larger_side(tiny_sdxl, tmp_path / "model")
    worker = start_worker(
        engine="diffusers", model_sdxl=model, loras=tmp_path / "loras", drawn_at_once=2
    )
    first = a_render_job(0)
    line.send(first)
    source = SourceKey(key=line.outcome(first).images[0].keys["original"], strength=0.6)
    jobs = mixed_jobs(source)
    ended, sizes = dict[str, int](), list[int]()
    # The first come all at once: what work side by side takes at most, it has taken by then.
    for size in [SETTLED_AFTER, *[AT_ONCE] * ((JOBS - SETTLED_AFTER) // AT_ONCE), LAST]:
        batch = [next(jobs) for _ in range(size)]
        for job, _ in batch:
            line.send(job)
        for job, is_cancelled in batch:
            if is_cancelled:
                wait_for(lambda job=job: line.reports_of(job), f"the start of {job.job_id}")
                line.redis.set(cancel_key(job.job_id), 1, ex=60)
        for job, _ in batch:
            kind = line.outcome(job).kind
            ended[kind] = ended.get(kind, 0) + 1
        sizes.append(at_rest_kib(worker))
    cancelled = JOBS // 11
    assert ended == {"render_finished": JOBS - cancelled, "render_cancelled": cancelled}
    settled, last = sizes[0], sizes[-1]
    assert last <= settled * (1 + MOST_GROWTH), f"grew from {settled} to {last} KiB: {sizes}"
