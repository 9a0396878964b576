"""Who passes when: a few at once, in the order in which they came, and nobody for ever."""

import threading
from concurrent.futures import ThreadPoolExecutor, wait

import pytest

from gpu_worker.release.doorway import Doorway

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
