"""What a rehearsal holds, and how long it sleeps."""

from gpu_worker.engine.rehearsal import AdapterShelf, SleepingArtist
from gpu_worker.render.drawing import DrawOrder
from tests.unit.gpu_worker.conftest import a_render_job


def test_what_was_used_longest_ago_makes_room():
    shelf = AdapterShelf(most=2)
    assert shelf.fetch(["fox", "owl"]) == 2
    assert shelf.fetch(["fox"]) == 0
    assert shelf.fetch(["elk"]) == 1
    assert shelf.held() == {"fox", "elk"}


def test_only_adapters_that_are_not_loaded_take_time():
    slept: list[float] = []
    artist = SleepingArtist(step_s=0.1, steps=2, decode_s=0.5, adapter_s=4.0, sleep=slept.append)
    for _ in range(2):
        run = artist.begin(DrawOrder(job=a_render_job(adapters=("fox",), steps=None)))
        while run.done < run.steps:
            artist.step([run])
        artist.finish(run)
    assert slept == [4.0, 0.1, 0.1, 0.5, 0.1, 0.1, 0.5]
