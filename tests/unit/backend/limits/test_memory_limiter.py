"""How often each client may ask."""

from backend.limits.memory_limiter import CLIENTS_MAX, MemoryLimiter


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_burst_is_let_through_and_then_a_steady_trickle() -> None:
    clock = Clock()
    limiter = MemoryLimiter(burst=3, per_minute=6, clock=clock)
    assert [limiter.take("a") for _ in range(4)] == [0, 0, 0, 10]
    clock.now += 9.9
    assert limiter.take("a") == 1
    clock.now += 0.2
    assert [limiter.take("a"), limiter.take("a")] == [0, 10]


def test_asking_in_vain_does_not_put_off_the_next_time() -> None:
    clock = Clock()
    limiter = MemoryLimiter(burst=1, per_minute=6, clock=clock)
    limiter.take("a")
    for _ in range(20):
        clock.now += 0.4
        assert limiter.take("a") > 0
    clock.now += 2.1
    assert limiter.take("a") == 0


def test_clients_do_not_stand_in_for_one_another() -> None:
    limiter = MemoryLimiter(burst=1, per_minute=1, clock=Clock())
    assert [limiter.take("a"), limiter.take("b"), limiter.take("a")] == [0, 0, 60]


def test_a_long_silence_saves_up_no_more_than_a_burst() -> None:
    clock = Clock()
    limiter = MemoryLimiter(burst=2, per_minute=60, clock=clock)
    limiter.take("a")
    clock.now += 3600
    assert [limiter.take("a") for _ in range(3)] == [0, 0, 1]


def test_memory_is_bounded_however_many_ask() -> None:
    limiter = MemoryLimiter(burst=1, per_minute=1, clock=Clock())
    for number in range(CLIENTS_MAX + 10):
        limiter.take(str(number))
    assert len(limiter._buckets) == CLIENTS_MAX
