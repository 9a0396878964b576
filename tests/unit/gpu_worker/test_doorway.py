"""Who passes when: a few at once, in the order in which they came, and nobody for ever."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor, wait

import pytest
from PIL import Image

from gpu_worker.desk import Desk
from gpu_worker.engine.pace import Bounds, Pace
from gpu_worker.engine.steps import StepWatch
from gpu_worker.release.doorway import Doorway
from gpu_worker.release.pipeline import ReleasePipeline
from gpu_worker.release.screening import Screening
from safety.policy import DEFAULT_POLICY
from storage.errors import StorageUnavailable
from storage.image_store import ImageStore
from storage.object_stores.memory import MemoryObjectStore
from tests.fakes.marks import RememberedMark, a_marker, some_papers
from tests.fakes.released import NothingFound
from tests.unit.gpu_worker.conftest import a_render_job
from tests.unit.safety.pictures import made_picture

PATIENCE_S = 30.0


class Crowd:
    """Jobs at a doorway, each of which stays in it until it is let go."""

    def __init__(self, doorway: Doorway) -> None:
        self._doorway = doorway
        self._let_go = [threading.Event() for _ in range(8)]
        self._moved = threading.Condition()
        self._called_off: set[int] = set()
        self.asked: set[int] = set()
        self.inside: list[int] = []
        self.came_in: list[int] = []

    def pass_through(self, number: int) -> None:
        def must_go_on() -> None:
            with self._moved:
                self.asked.add(number)
                self._moved.notify_all()
            if number in self._called_off:
                raise InterruptedError

        with self._doorway.passing(must_go_on):
            with self._moved:
                self.inside.append(number)
                self.came_in.append(number)
                self._moved.notify_all()
            assert self._let_go[number].wait(PATIENCE_S)
            with self._moved:
                self.inside.remove(number)

    def let_go(self, number: int) -> None:
        self._let_go[number].set()

    def call_off(self, number: int) -> None:
        self._called_off.add(number)

    def until(self, holds) -> None:
        with self._moved:
            assert self._moved.wait_for(holds, PATIENCE_S)


@pytest.fixture
def crowd() -> Crowd:
    return Crowd(Doorway(2, ask_every_s=0.005))


def test_no_more_pass_at_once_than_may_and_who_came_first_goes_first(crowd: Crowd):
    with ThreadPoolExecutor(5) as threads:
        passing = []
        for number in range(5):
            passing.append(threads.submit(crowd.pass_through, number))
            # So that they come in this order.
            crowd.until(lambda number=number: number in crowd.asked or number in crowd.came_in)
        assert sorted(crowd.inside) == [0, 1]
        for number in range(5):
            crowd.let_go(number)
            crowd.until(lambda number=number: len(crowd.came_in) >= min(5, number + 3))
            assert len(crowd.inside) <= 2
        for one in passing:
            one.result(PATIENCE_S)
    assert crowd.came_in == [0, 1, 2, 3, 4]


def test_who_is_wanted_no_more_leaves_the_line_and_holds_up_nobody(crowd: Crowd):
    with ThreadPoolExecutor(4) as threads:
        passing = []
        for number in range(4):
            passing.append(threads.submit(crowd.pass_through, number))
            crowd.until(lambda number=number: number in crowd.asked or number in crowd.came_in)
        crowd.call_off(2)
        with pytest.raises(InterruptedError):
            passing[2].result(PATIENCE_S)
        crowd.let_go(0)
        crowd.until(lambda: 3 in crowd.came_in)
        for number in (1, 3):
            crowd.let_go(number)
        wait(passing, PATIENCE_S)
    assert crowd.came_in == [0, 1, 3]


def test_what_fails_in_the_doorway_leaves_it():
    doorway = Doorway(1)
    for _ in range(3):
        with pytest.raises(ValueError, match="broken"), doorway.passing(lambda: None):
            raise ValueError("broken")
    with doorway.passing(lambda: None):
        pass


RELEASE_S = 180.0


class Street:
    """A worker's release with room for one job, and a clock in our hands."""

    def __init__(
        self, *, mark: RememberedMark | None = None, objects: MemoryObjectStore | None = None
    ) -> None:
        self.now = 0.0
        self.desk = Desk(clock=lambda: self.now)
        self._pace = Pace(bounds=Bounds(release_s=RELEASE_S, new_s=RELEASE_S))
        self._release = ReleasePipeline(
            screening=Screening(checks=[NothingFound()], policy=DEFAULT_POLICY),
            check_timeout_s=30.0,
            images=ImageStore(objects=objects or MemoryObjectStore()),
            marker=a_marker(watermark=mark),
            store_retry_s=60.0,
            sleep=lambda _: time.sleep(0.005),
            clock=lambda: self.now,
            doorway=Doorway(1, ask_every_s=0.005),
        )

    def draw(self, number: int) -> StepWatch:
        job = a_render_job(job_id=f"gen_{number}")
        watch = StepWatch(job=job, pace=self._pace, clock=lambda: self.now)
        self.desk.put(watch)
        watch(0, 1)
        watch.drawn()
        return watch

    def let_out(self, number: int, watch: StepWatch) -> None:
        self._release.release(
            [made_picture(number, size=(96, 64))],
            clearances=frozenset(),
            papers=some_papers(1),
            must_go_on=watch.wait_on,
        )


def until(holds) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.005)


class HangingMark(RememberedMark):
    """A watermark that takes its time until it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.began, self.let_go = threading.Event(), threading.Event()

    def embed(self, pixels: Image.Image, payload: int) -> Image.Image:
        self.began.set()
        assert self.let_go.wait(PATIENCE_S)
        return super().embed(pixels, payload)


def test_a_job_that_never_comes_out_is_hung_and_those_behind_it_are_not():
    """So the worker ends itself and all come back to the line: nobody waits for ever."""
    mark = HangingMark()
    street = Street(mark=mark)
    stuck = street.draw(1)
    with ThreadPoolExecutor(2) as threads:
        passing = [threads.submit(street.let_out, 1, stuck)]
        assert mark.began.wait(PATIENCE_S)
        behind = street.draw(2)
        passing.append(threads.submit(street.let_out, 2, behind))
        assert street.desk.hung() == []
        street.now += RELEASE_S + 1
        until(lambda: street.desk.hung() == [stuck])
        mark.let_go.set()
        for one in passing:
            one.result(PATIENCE_S)


class AwayFor(MemoryObjectStore):
    """A store that does not take the pictures of one registry name until it is back."""

    def __init__(self) -> None:
        super().__init__()
        self.refused: set[str] = set()
        self.is_back = False

    def put(self, key: str, data: bytes, content_type: str) -> None:
        name = key.split("/")[2]
        if not self.is_back and (not self.refused or name in self.refused):
            self.refused.add(name)
            raise StorageUnavailable("away")
        super().put(key, data, content_type)


def test_a_picture_that_waits_for_its_store_stands_in_nobodys_way():
    objects = AwayFor()
    street = Street(objects=objects)
    with ThreadPoolExecutor(2) as threads:
        waiting = threads.submit(street.let_out, 1, street.draw(1))
        until(lambda: objects.refused)
        threads.submit(street.let_out, 2, street.draw(2)).result(PATIENCE_S)
        assert not waiting.done()
        assert {key.split("/")[2] for key in objects.list_keys("images/")}.isdisjoint(
            objects.refused
        )
        objects.is_back = True
        waiting.result(PATIENCE_S)
