"""Memory runs out at each stage of a worker's jobs: once, a picture comes; twice, a typed failure.

Either way the worker draws the next job, and to the bit what it drew before.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import pytest
import torch
from PIL import Image

from backend.contracts import LoraUse, ModelFamily, RenderJob, SourceKey
from gpu_worker.compose.composer import load_model
from gpu_worker.compose.wardrobe import Wardrobe
from gpu_worker.engine.loop import Engine
from gpu_worker.families import open_family
from gpu_worker.messenger import Messenger
from gpu_worker.release.pipeline import ReleasePipeline
from gpu_worker.release.screening import Screening
from gpu_worker.render.pipeline import Renderer
from gpu_worker.samplers import open_sampler
from gpu_worker.vram.probe import give_back_memory
from gpu_worker.vram.recovery import Recovery, Stage
from gpu_worker.worker import Worker
from safety.policy import DEFAULT_POLICY
from safety.verdict import Finding
from storage.image_store import ImageStore
from storage.object_stores.memory import MemoryObjectStore
from tests.fakes.image_checks import EachByItself
from tests.fakes.marks import a_marker
from tests.integration.gpu_worker.conftest import Line, a_render_job
from tests.unit.gpu_worker.compose.loras import style_lora
from tests.unit.gpu_worker.test_upscale import untrained

# Of the stages below, those in which `Recovery` runs the work, and two that lie elsewhere.
SOURCE, RELEASE = "source", "release"
STAGES = [*(stage.value for stage in Stage), SOURCE, RELEASE]


@dataclass
class Shortage:
    """Strikes so many times at one stage."""

    stage: str = ""
    left: int = 0
    struck: list[str] = field(default_factory=list)

    def at(self, stage: str, error: type[Exception] = torch.OutOfMemoryError) -> None:
        if stage == self.stage and self.left:
            self.left -= 1
            self.struck.append(stage)
            raise error


class NoCheck(EachByItself):
    """Finds nothing."""

    name = "none"

    def look(self, pixels: Image.Image) -> list[Finding]:
        return []


class ShortStore(MemoryObjectStore):
    """Has no memory for what it is given when the shortage says so."""

    def __init__(self, shortage: Shortage) -> None:
        super().__init__()
        self._shortage = shortage

    def put(self, key: str, data: bytes, content_type: str) -> None:
        self._shortage.at(RELEASE, MemoryError)
        super().put(key, data, content_type)


@dataclass
class House:
    """A worker over a tiny real model, in which memory runs out where we say."""

    worker: Worker
    line: Line
    shortage: Shortage
    source: SourceKey | None = None
    drawn: int = 0

    def draw(self, **fields: object):
        self.drawn += 1
        job: RenderJob = a_render_job(
            self.drawn, image_count=2, steps=3, source=self.source, **fields
        )
        self.worker.run(job)
        return self.line.outcome(job)


def open_house(line: Line, redis_url: str, folder: Path, loras: Path, shortage: Shortage) -> House:
    strike: Callable[[Stage], None] = lambda stage: shortage.at(stage.value)  # noqa: E731 - a seam
    images = ImageStore(objects=ShortStore(shortage))

    def open_artist() -> Renderer:
        recovery = Recovery(free=give_back_memory, strike=strike)
        model = load_model(
            ModelFamily.SDXL, str(folder), device="cpu", dtype="float32", recovery=recovery
        )
        style_lora(loras / "style.safetensors", model)
        family = open_family(ModelFamily.SDXL, model)
        encode = family.encode_picture

        def encode_picture(*inputs):
            shortage.at(SOURCE)
            return encode(*inputs)

        family.encode_picture = encode_picture
        return Renderer(
            family=family,
            open_sampler=partial(
                open_sampler, family=ModelFamily.SDXL, scheduler_config=family.scheduler_config
            ),
            upscaler=untrained(2),
            dresser=Wardrobe(
                model=model, family=ModelFamily.SDXL, folder=loras, cached_bytes=2**20
            ),
            recovery=recovery,
        )

    worker = Worker(
        name="worker-1",
        family=ModelFamily.SDXL,
        engine=Engine(open_artist=open_artist),
        messenger=Messenger(redis_url=redis_url, worker="worker-1"),
        images=images,
        release=ReleasePipeline(
            screening=Screening(checks=[NoCheck()], policy=DEFAULT_POLICY),
            check_timeout_s=30.0,
            marker=a_marker(),
            images=images,
        ),
        report_retry_s=5.0,
    )
    return House(worker=worker, line=line, shortage=shortage)


@pytest.fixture
def house(line: Line, redis_url: str, tiny_sdxl: Path, tmp_path: Path) -> Iterator[House]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    opened = open_house(line, redis_url, tiny_sdxl, tmp_path, Shortage())
    yield opened
    opened.worker.close()
    torch.set_num_threads(threads)


def prepare(house: House, stage: str) -> dict[str, object]:
    """Start the worker, have the stage occur in what is drawn from now on; return fields for it."""
    house.worker.start()
    if stage == SOURCE:
        first = house.draw()
        house.source = SourceKey(key=first.images[0].keys["original"], strength=0.7)
    return {"loras": [LoraUse(name="style")]} if stage == Stage.LOAD_ADAPTERS else {}


@pytest.mark.parametrize("stage", [stage for stage in STAGES if stage != Stage.LOAD])
def test_once_at_a_stage_the_picture_comes_all_the_same(house: House, stage: str):
    fields = prepare(house, stage)
    house.shortage.stage, house.shortage.left = stage, 1
    drawn = house.draw(**fields)
    assert drawn.kind == "render_finished"
    assert house.shortage.struck == [stage]
    # What tiles and halves changed is gone with the shortage.
    again = [image.sha256 for image in house.draw(**fields).images]
    assert again == [image.sha256 for image in house.draw(**fields).images]
    if stage not in (Stage.DENOISE, Stage.DECODE, Stage.UPSCALE):
        assert again == [image.sha256 for image in drawn.images]


@pytest.mark.parametrize("stage", [stage for stage in STAGES if stage != Stage.LOAD])
def test_twice_at_a_stage_the_failure_is_typed_and_the_next_job_is_drawn(house: House, stage: str):
    fields = prepare(house, stage)
    expected = house.draw()
    house.shortage.stage, house.shortage.left = stage, 2
    # Of a seed of its own: what is stored already would not be stored again.
    failed = house.draw(seed=8, **fields)
    assert (failed.kind, failed.code, failed.is_retryable) == (
        "render_failed",
        "out_of_memory",
        True,
    )
    assert "did not fit into memory" in failed.message
    assert house.shortage.struck == [stage] * 2
    after = house.draw()
    assert [one.sha256 for one in after.images] == [one.sha256 for one in expected.images]


@pytest.mark.parametrize("times", [1, 2])
def test_a_model_that_does_not_fit_at_first_is_drawn_with_in_the_end(house: House, times: int):
    house.shortage.stage, house.shortage.left = Stage.LOAD.value, times
    house.worker.start()
    assert house.worker.vitals().takes_jobs is (times == 1)
    assert house.draw().kind == "render_finished"
    assert house.worker.vitals().takes_jobs
