"""One thread owns the artist; errors find their way to whoever waits."""

import threading

import pytest
from PIL import Image

from gpu_worker.engine.loop import Engine
from gpu_worker.engine.rehearsal import SleepingArtist
from gpu_worker.render.drawing import Artist, Drawing, DrawOrder, OnStep
from gpu_worker.state import Cancelled, ModelMissing
from tests.unit.gpu_worker.conftest import a_render_job

ORDER = DrawOrder(job=a_render_job())


def ignore(done: int, steps: int) -> None:
    """Take a step for granted."""


class NotingArtist:
    """Notes the thread that each order is drawn on."""

    def __init__(self) -> None:
        self.threads = [threading.current_thread().name]

    def draw(self, order: DrawOrder, on_step: OnStep) -> Drawing:
        self.threads.append(threading.current_thread().name)
        on_step(1, 1)
        return Drawing(pictures=(Image.new("RGB", (8, 8)),))


def test_one_thread_opens_the_artist_once_and_draws_everything():
    opened: list[NotingArtist] = []

    def open_artist() -> Artist:
        opened.append(NotingArtist())
        return opened[-1]

    engine = Engine(open_artist=open_artist)
    engine.start()
    engine.load().result()
    for done in [engine.submit(ORDER, ignore) for _ in range(3)]:
        assert len(done.result().pictures) == 1
    engine.close()
    assert [artist.threads for artist in opened] == [["engine"] * 4]


def test_an_artist_that_does_not_open_is_tried_again_for_each_order():
    failures = iter([ModelMissing("not yet"), ModelMissing("not yet")])

    def open_artist() -> Artist:
        for failure in failures:
            raise failure
        return NotingArtist()

    engine = Engine(open_artist=open_artist)
    engine.start()
    with pytest.raises(ModelMissing):
        engine.load().result()
    with pytest.raises(ModelMissing):
        engine.submit(ORDER, ignore).result()
    assert engine.submit(ORDER, ignore).result().pictures
    engine.close()


def test_what_a_step_raises_reaches_the_one_who_waits_and_the_engine_goes_on():
    def cancel(done: int, steps: int) -> None:
        raise Cancelled

    engine = Engine(open_artist=NotingArtist)
    engine.start()
    cancelled, drawn = engine.submit(ORDER, cancel), engine.submit(ORDER, ignore)
    with pytest.raises(Cancelled):
        cancelled.result()
    assert drawn.result().pictures
    engine.close()


def test_a_rehearsal_takes_every_step_and_draws_by_the_seed():
    told: list[tuple[int, int]] = []
    artist = SleepingArtist(step_s=0.0, steps=3)
    job = a_render_job(image_count=2, steps=None)
    first = artist.draw(DrawOrder(job=job), lambda done, steps: told.append((done, steps)))
    again = artist.draw(DrawOrder(job=job), ignore)
    assert told == [(0, 3), (1, 3), (2, 3), (3, 3)]
    assert [one.tobytes() for one in first.pictures] == [one.tobytes() for one in again.pictures]
    assert first.pictures[0].tobytes() != first.pictures[1].tobytes()
