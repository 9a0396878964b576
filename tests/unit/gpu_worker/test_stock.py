"""A worker's stock: none while there is no model, and looked after while nothing is drawn."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from backend.contracts import LoraUse, ModelFamily, RenderJob, control_adapter
from gpu_worker.__main__ import open_artist
from gpu_worker.desk import Desk
from gpu_worker.engine.pace import Bounds, Pace, Stage
from gpu_worker.engine.steps import StepWatch
from gpu_worker.engine.stock import LateStock, Storekeeper
from gpu_worker.family import LoadedModel
from gpu_worker.render.drawing import DrawOrder
from gpu_worker.settings import Settings
from gpu_worker.state import AdapterMissing, Cancelled
from gpu_worker.vitals import Dials
from tests.fakes.engines import draw_alone
from tests.unit.gpu_worker.compose.loras import style_lora
from tests.unit.gpu_worker.conftest import a_render_job

PATIENCE_S = 10.0


class NotingStock:
    """Holds what it was asked to hold; looks ahead whenever it is told, the first time in vain."""

    def __init__(self) -> None:
        self.jobs: list[RenderJob] = []
        self.looks = 0
        self.looked_twice = threading.Event()

    def held(self) -> frozenset[str]:
        return frozenset({"fox"})

    @contextmanager
    def hold(self, job: RenderJob) -> Iterator[None]:
        self.jobs.append(job)
        yield
        self.jobs.remove(job)

    def foresee(self) -> int:
        self.looks += 1
        if self.looks == 1:
            raise OSError("the disk is away")
        self.looked_twice.set()
        return 1


def test_a_stock_is_empty_until_there_is_a_model():
    late, job = LateStock(), a_render_job()
    assert (late.held(), late.foresee()) == (frozenset(), 0)
    with late.hold(job):
        pass
    stock = NotingStock()
    late.open(stock)
    assert late.held() == {"fox"}
    with late.hold(job):
        assert stock.jobs == [job]
    assert stock.jobs == []


def test_a_storekeeper_looks_ahead_at_rest_only_and_survives_a_failure():
    stock, idle = NotingStock(), threading.Event()
    keeper = Storekeeper(stock=stock, is_idle=idle.is_set, every_s=0.001)
    keeper.start()
    assert not stock.looked_twice.wait(0.05)
    assert stock.looks == 0
    idle.set()
    assert stock.looked_twice.wait(PATIENCE_S)
    keeper.close()


class Clock:
    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def a_watch(clock: Clock, desk: Desk | None = None) -> StepWatch:
    bounds = Bounds(least_s=12.0, new_s=1800.0, release_s=180.0)
    job = a_render_job(loras=[LoraUse(name="fox")])
    watch = StepWatch(job=job, pace=Pace(bounds=bounds), clock=clock)
    if desk is not None:
        desk.put(watch)
    return watch


def test_reading_a_lora_is_not_taken_for_a_hung_engine():
    clock = Clock()
    desk = Desk(clock=clock, drawn_at_once=2)
    watch = a_watch(clock, desk)
    with watch.fetching():
        assert watch.stage is Stage.FETCHING
        clock.now_s = 1799.0
        assert desk.hung() == []
        clock.now_s = 1801.0
        assert desk.hung() == [watch]
    assert watch.stage is Stage.WAITING


def test_a_cancelled_job_is_not_drawn_when_its_loras_have_come():
    watch = a_watch(Clock())
    with pytest.raises(Cancelled), watch.fetching():
        watch.cancel()


def test_what_cannot_be_read_ends_the_job_and_nothing_else():
    watch = a_watch(Clock())
    with pytest.raises(AdapterMissing), watch.fetching():
        raise AdapterMissing("There is no LoRA named fox here; there is none at all.")


def test_what_is_always_hot_is_at_hand_when_the_worker_starts(
    loaded_sdxl: LoadedModel, tiny_sdxl: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    folder = tmp_path / "loras"
    folder.mkdir()
    for seed, name in enumerate(("one", "two")):
        style_lora(folder / f"{name}.safetensors", loaded_sdxl, seed=seed)
    monkeypatch.setenv("IMPASTO_LORAS_HOT", "two, nowhere")
    monkeypatch.setenv("IMPASTO_LORAS", str(folder))
    settings = Settings(home=tmp_path / "home", model_sdxl=str(tiny_sdxl), threads=1)
    assert settings.loras_hot == ("two", "nowhere")
    stock = LateStock()
    artist = open_artist(settings, ModelFamily.SDXL, stock, Dials())
    assert stock.held() == {"two"}
    job = a_render_job(loras=[LoraUse(name="one")], steps=1)
    with stock.hold(job):
        assert stock.held() == {"one", "two"}
        assert draw_alone(artist, DrawOrder(job=job)).pictures
    assert (tmp_path / "home/uses/sdxl.log").read_text().split()[1:] == ["one"]


class TwoControlNets:
    """A shelf of two ControlNets, one of them loaded."""

    def held(self) -> frozenset[str]:
        return frozenset({control_adapter("edges")})

    def names(self) -> list[str]:
        return ["depth", "edges"]


def test_loaded_controlnets_are_at_hand_like_loras() -> None:
    late = LateStock()
    assert late.controlnets() == ()
    late.open(NotingStock(), TwoControlNets())
    assert late.held() == NotingStock().held() | {"controlnet edges"}
    assert late.controlnets() == ("depth", "edges")
