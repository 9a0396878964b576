"""What it takes to let a picture out: each stage on one core, and beside an engine that is busy.

The stages are those of the worker, over the checks, the watermark, the credentials and the formats
that ship. For the second table a real worker is handed a job whenever it wants one; only its engine
sleeps as long as one draws. What handing over costs is measured in `handover.py`.
"""

import argparse
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from handover import NotingArtist, Spell, gaps_s
from PIL import Image

from backend.cli.stack import open_stack
from backend.contracts import ImageVariant, ModelFamily, RenderJob, Tier
from backend.settings import Settings
from gpu_worker.__main__ import open_worker, prepare_environment
from gpu_worker.engine.loop import Engine
from gpu_worker.release.marking import encode
from gpu_worker.release.papers import registry_id_of
from gpu_worker.render.drawing import Drawing, Run
from gpu_worker.settings import Settings as WorkerSettings
from safety.fingerprint import fingerprint
from safety.image_checks import open_image_checks
from safety.provenance.c2pa import Facts, Signer, SoftBinding
from safety.provenance.keeping import load_or_create_watermark_key, open_credentials
from safety.provenance.watermarks import open_watermark
from safety.screen_image import screen_images
from safety.verdict import ApprovedImage
from storage.formats import content_type, encode_avif, encode_jpeg, encode_png, encode_webp, sniff
from storage.image_store import ImageStore
from storage.object_stores import LocalStoreSettings, open_object_store
from storage.thumbnails import SIDES_PX, thumbnail

TABLE = Path(__file__).with_suffix(".md")
SIDE = 1024
STEPS, STEP_S, DECODE_S = 20, 0.1, 0.1


def a_picture(number: int = 0) -> Image.Image:
    """Return one of the starter model's pictures in the size that a large model draws."""
    with Image.open(Path(__file__).parent / "starter/sdxl.webp") as sheet:
        side = min(sheet.size) // 2
        left = (number * 97) % max(1, sheet.width - side)
        part = sheet.convert("RGB").crop((left, 0, left + side, side))
    return part.resize((SIDE, SIDE), Image.Resampling.LANCZOS)


class PaintingArtist(NotingArtist):
    """A noting artist that hands out real pictures."""

    def __init__(self, notes: Path) -> None:
        super().__init__(notes, step_s=STEP_S, steps=STEPS, decode_s=DECODE_S)
        self._pictures = [a_picture(number) for number in range(4)]

    def finish(self, run: Run) -> Drawing:
        drawing = super().finish(run)
        return replace(drawing, pictures=(self._pictures[len(self._begun) % 4],))


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--pictures", type=int, default=7)
    parser.add_argument("--jobs", type=int, default=20)
    parser.add_argument("--worker", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.worker is not None:
        return draw(arguments.worker, arguments.jobs)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    with tempfile.TemporaryDirectory() as folder:
        stages = measure_stages(Path(folder) / "stages", arguments.pictures)
        busy = measure_busy(Path(folder) / "home", arguments.jobs)
    text = render(stages, busy, arguments.pictures, arguments.jobs)
    sys.stdout.write(text)
    TABLE.write_text(text)
    return 0


def measure_stages(home: Path, count: int) -> dict[str, list[float]]:
    """Return the processor seconds of each stage for each picture, on one core."""
    whole = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(whole)})
    try:
        spent: dict[str, list[float]] = {}
        # The first is drawn to warm up: weights, carriers, keys.
        for number in range(count + 1):
            one = Stages(home).run(a_picture(number), f"gen_{number}")
            for stage, seconds in one.items() if number else ():
                spent.setdefault(stage, []).append(seconds)
        return spent
    finally:
        os.sched_setaffinity(0, whole)


class Stages:
    """One picture on its way out; processor time is taken stage by stage."""

    _opened: tuple[object, ...] = ()

    def __init__(self, home: Path) -> None:
        now = datetime.now(UTC)
        if not Stages._opened:
            credentials = open_credentials(home, chain=None, key=None, now=now)
            watermark = open_watermark("spread", key=load_or_create_watermark_key(home))
            objects = open_object_store(
                LocalStoreSettings(
                    root=home / "objects", public_url="http://x", signing_keys={"k": bytes(32)}
                )
            )
            signer = Signer(credentials=credentials.current, clock=lambda: datetime.now(UTC))
            Stages._opened = (open_image_checks(), watermark, signer, ImageStore(objects=objects))
        self.checks, self.watermark, self.signer, self.images = Stages._opened
        self.spent: dict[str, float] = {}

    def run(self, pixels: Image.Image, job_id: str) -> dict[str, float]:
        registry_id = registry_id_of(job_id, 0)
        (verdict,) = self._timed(
            "checks", lambda: screen_images([pixels], checks=self.checks, timeout_s=60)
        )
        ApprovedImage(pixels=pixels, verdict=verdict)
        marked = self._timed("watermark", lambda: self.watermark.embed(pixels, registry_id))
        self._timed("fingerprint", lambda: fingerprint(marked))
        self._timed("PNG", lambda: encode_png(marked))
        self._timed("WebP", lambda: encode_webp(marked))
        self._timed("progressive JPEG", lambda: encode_jpeg(marked))
        self._timed("AVIF", lambda: encode_avif(marked))
        self._timed("thumbnails", lambda: [thumbnail(marked, side) for side in SIDES_PX])
        files = encode(marked, metadata={}, comment="")
        facts = Facts(
            version="bench",
            family="sdxl",
            model="bench",
            model_sha256="",
            made_at=datetime.now(UTC),
            soft_bindings=(SoftBinding(algorithm=self.watermark.name, registry_id=registry_id),),
        )
        signed = self._timed(
            f"signing {len(files)} files",
            lambda: {
                str(variant): self.signer.sign(data, content_type(sniff(data)), facts)
                for variant, data in files.items()
            },
        )
        name = f"{registry_id:064x}"
        self._timed("storing", lambda: self.images.keep(signed, name=name))
        self.spent["bytes"] = sum(len(data) for data in signed.values())
        return self.spent

    def _timed(self, stage, call):
        began = time.process_time()
        made = call()
        self.spent[stage] = time.process_time() - began
        return made


def measure_busy(home: Path, count: int) -> list[Spell]:
    """Have a backlog drawn by a real worker; return when its engine was busy."""
    chosen = {"home": home, "redis_url": None, "database_url": None, "s3_bucket": None}
    with open_stack(Settings().model_copy(update=chosen)) as stack:
        env = {
            **os.environ,
            "PYTHONPATH": str(Path(__file__).parent.parent),
            "IMPASTO_HOME": str(home),
            "IMPASTO_REDIS_URL": stack.redis_url,
        }
        notes = home / "notes"
        argv = [sys.executable, __file__, "--worker", str(notes), "--jobs", str(count)]
        with notes.with_suffix(".log").open("wb") as log:
            subprocess.run(argv, env=env, stdout=log, stderr=log, check=True)  # noqa: S603 - our own words
    pairs = (json.loads(line) for line in notes.read_text().splitlines())
    spells = (Spell(begun_at=begun, ended_at=ended) for begun, ended in pairs)
    return sorted(spells, key=lambda spell: spell.begun_at)


def draw(notes: Path, count: int) -> int:
    """Run as the worker, which is handed a job whenever it wants one; 0 if all were delivered."""
    settings = WorkerSettings()
    prepare_environment(settings, ModelFamily.SDXL)
    worker = open_worker(settings, family=ModelFamily.SDXL, name="bench")
    worker._engine = Engine(open_artist=lambda: PaintingArtist(notes))
    worker.start()
    with ThreadPoolExecutor(worker.desk.slots) as slots:
        handed = []
        while len(handed) < count:
            if worker.desk.wants():
                worker.desk.pop()
                handed.append(slots.submit(worker.run, a_job(len(handed))))
            time.sleep(0.002)
        for one in handed:
            one.result()
    ended = worker.vitals().ended
    worker.close()
    return 0 if ended == {"render_finished": count} else 1


def a_job(number: int) -> RenderJob:
    return RenderJob(
        job_id=f"gen_bench{number:06d}",
        attempt=1,
        family=ModelFamily.SDXL,
        tier=Tier.FAST,
        prompt="a fox in the snow",
        seed=number,
        image_count=1,
    )


def render(
    stages: dict[str, list[float]], spells: Sequence[Spell], pictures: int, jobs: int
) -> str:
    sizes = stages.pop("bytes")
    rows = [
        f"| {stage} | {statistics.median(seconds) * 1000:.0f} |"
        for stage, seconds in stages.items()
    ]
    whole_s = sum(statistics.median(seconds) for seconds in stages.values())
    gaps = gaps_s(spells)
    drawn_s = spells[-1].ended_at - spells[0].begun_at
    draws_s = STEPS * STEP_S + DECODE_S
    return "\n".join(
        (
            f"# Release: what it takes to let a picture of {SIDE}² out",
            "",
            f"`python bench/release.py --pictures {pictures} --jobs {jobs}`",
            "",
            "Processor time on one core, median of the pictures; "
            f"{statistics.median(sizes) / 2**20:.1f} MiB in {len(ImageVariant) - 2} files.",
            "",
            "| stage | ms |",
            "|---|---|",
            *rows,
            f"| **all** | **{whole_s * 1000:.0f}** |",
            "",
            f"Overlapped: a backlog of {jobs} jobs, and a real worker that is handed one whenever",
            "it wants one, with its slots, checks, marks, files and store; its engine sleeps",
            f"{draws_s:.1f} s a picture, as long as a large model draws.",
            "",
            "| engine busy | gaps, median ms | longest ms | next begun before the end |",
            "|---|---|---|---|",
            f"| {100 * (1 - sum(gaps) / drawn_s):.1f} % | {statistics.median(gaps) * 1000:.1f}"
            f" | {max(gaps) * 1000:.0f} | {sum(gap == 0 for gap in gaps)} of {len(gaps)} |",
            "",
        )
    )


if __name__ == "__main__":
    sys.exit(main())
