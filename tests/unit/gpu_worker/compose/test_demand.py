"""What is asked for is remembered beyond a worker's life, and read ahead by it."""

from pathlib import Path

import pytest

from backend.contracts import LoraUse, ModelFamily
from gpu_worker.compose import demand as demand_module
from gpu_worker.compose.demand import Demand
from gpu_worker.compose.lora_stock import LoraStock
from gpu_worker.compose.popularity import HOUR_S, HOURS_OF_WEEK
from gpu_worker.compose.wardrobe import Wardrobe
from gpu_worker.family import LoadedModel
from gpu_worker.state import AdapterMissing
from tests.unit.gpu_worker.compose.loras import style_lora
from tests.unit.gpu_worker.conftest import a_render_job

WEEK_S = HOUR_S * HOURS_OF_WEEK
START_S = 3000 * WEEK_S


class Clock:
    def __init__(self, now_s: float = START_S) -> None:
        self.now_s = now_s

    def __call__(self) -> float:
        return self.now_s


def test_an_hours_habit_is_known_to_the_next_worker_a_week_later(tmp_path: Path):
    path, clock = tmp_path / "uses/sdxl.log", Clock()
    demand = Demand(path=path, clock=clock)
    for _ in range(3):
        demand.note(["fox"])
    clock.now_s += 50 * HOUR_S
    demand.note(["owl"])
    clock.now_s = START_S + WEEK_S
    after = Demand(path=path, clock=clock)
    assert after.worth("fox") > after.worth("owl") >= 0
    assert after.plan({"fox": 10, "owl": 10, "new": 10}, room_bytes=100) == ("fox",)
    # Without its file a worker knows nothing.
    assert Demand(clock=clock).worth("fox") == 0.0


def test_what_is_always_hot_is_worth_more_than_anything(tmp_path: Path):
    demand = Demand(always_hot=["house style"])
    demand.note(["fox"] * 1000)
    assert demand.worth("house style") == float("inf")
    plan = demand.plan({"fox": 60, "house style": 60}, room_bytes=100)
    assert plan == ("house style",)


def test_lines_that_are_none_and_uses_long_ago_are_passed_over(tmp_path: Path):
    path = tmp_path / "sdxl.log"
    old = START_S - 7 * WEEK_S
    path.write_text(f"{old:.0f} old\nrubbish\n\n-5 a\nnan b\n{START_S - WEEK_S:.0f} fox\n")
    demand = Demand(path=path, clock=Clock())
    assert (demand.worth("fox") > 0, demand.worth("old")) == (True, 0.0)


def test_a_file_that_is_no_text_costs_what_is_known_and_no_picture(tmp_path: Path):
    path = tmp_path / "sdxl.log"
    path.write_bytes(b"\xff\xfe\x00")
    demand = Demand(path=path, clock=Clock())
    demand.note(["fox"])
    assert demand.worth("fox") > 0
    nowhere = Demand(path=path / "below-a-file", clock=Clock())
    nowhere.note(["fox"])
    assert nowhere.worth("fox") > 0


def test_a_file_that_grew_long_is_cut_to_its_later_half(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    path = tmp_path / "sdxl.log"
    path.write_text("".join(f"{START_S - 100 + n:.0f} fox{n}\n" for n in range(100)))
    monkeypatch.setattr(demand_module, "MOST_FILE_BYTES", 500)
    Demand(path=path, clock=Clock())
    lines = path.read_text().splitlines()
    assert len(lines) == 50
    assert lines[0].endswith("fox50")


@pytest.fixture
def folder(loaded_sdxl: LoadedModel, tmp_path: Path) -> Path:
    folder = tmp_path / "loras"
    folder.mkdir()
    for seed, name in enumerate(("fox", "owl", "elk")):
        style_lora(folder / f"{name}.safetensors", loaded_sdxl, rank=2, seed=seed)
    (folder / "broken.safetensors").write_bytes(b"no LoRA")
    return folder


def open_stock(
    model: LoadedModel, folder: Path, demand: Demand, *, places: float
) -> tuple[LoraStock, Wardrobe]:
    def open_wardrobe(cached_bytes: int) -> Wardrobe:
        return Wardrobe(
            model=model,
            family=ModelFamily.SDXL,
            folder=folder,
            cached_bytes=cached_bytes,
            worth=demand.worth,
        )

    size = int(places * open_wardrobe(0).fetch("fox").size_bytes)
    wardrobe = open_wardrobe(size)
    stock = LoraStock(wardrobe=wardrobe, demand=demand, folder=folder, cached_bytes=size)
    return stock, wardrobe


def a_job(*names: str):
    return a_render_job(loras=[LoraUse(name=name) for name in names])


def test_a_worker_at_rest_reads_what_is_usually_asked_at_this_hour(
    loaded_sdxl: LoadedModel, folder: Path
):
    clock = Clock()
    demand = Demand(clock=clock)
    stock, wardrobe = open_stock(loaded_sdxl, folder, demand, places=9)
    for _ in range(3):
        with stock.hold(a_job("owl")):
            assert stock.held() == {"owl"}
    wardrobe.forget()
    clock.now_s += WEEK_S
    assert stock.foresee() == 1
    assert stock.held() == {"owl"}
    assert stock.foresee() == 0


def test_what_is_asked_least_leaves_and_what_is_hot_stays(loaded_sdxl: LoadedModel, folder: Path):
    demand = Demand(always_hot=["elk"], clock=Clock())
    stock, _ = open_stock(loaded_sdxl, folder, demand, places=2.5)
    assert stock.fetch(["elk", "broken", "nowhere"]) == 1
    for name in ("fox", "fox", "fox", "owl"):
        with stock.hold(a_job(name)):
            assert name in stock.held()
    # The owl came last and least often; it made room for nobody, and has left.
    with stock.hold(a_job("fox")):
        pass
    assert "elk" in stock.held()
    assert len(stock.held()) == 2


def test_what_a_job_wears_stays_at_hand_however_small_the_cache_is(
    loaded_sdxl: LoadedModel, folder: Path
):
    stock, wardrobe = open_stock(loaded_sdxl, folder, Demand(clock=Clock()), places=0)
    with stock.hold(a_job("fox", "owl")):
        first = wardrobe.fetch("fox")
        with stock.hold(a_job("fox")):
            assert wardrobe.fetch("fox") is first
        assert wardrobe.fetch("fox") is first
        assert stock.held() == {"fox", "owl"}
    assert stock.held() == frozenset()


def test_a_lora_that_is_not_there_is_told_with_those_that_are_and_not_counted(
    loaded_sdxl: LoadedModel, folder: Path
):
    demand = Demand(clock=Clock())
    stock, _ = open_stock(loaded_sdxl, folder, demand, places=3)
    with pytest.raises(AdapterMissing, match="there are: broken, elk, fox, owl"):
        stock.hold(a_job("fix")).__enter__()
    assert demand.worth("fix") == 0.0
