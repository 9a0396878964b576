"""One thread owns the artist and draws all jobs in flight, tick by tick."""

import gc
import itertools
import threading
import weakref
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field

import pytest

from backend.contracts import Tier
from gpu_worker.engine.loop import Engine
from gpu_worker.engine.preempt import MOST_TICKS_ASIDE
from gpu_worker.engine.rehearsal import SleepingArtist
from gpu_worker.render.drawing import Artist, Drawing, DrawOrder, Run
from gpu_worker.state import Cancelled, ModelMissing, OutOfMemory
from tests.fakes.engines import draw_alone, ignore, running
from tests.unit.gpu_worker.conftest import a_render_job

ORDER = DrawOrder(job=a_render_job())


@dataclass
class NotingArtist:
    """Sleeps no time, and notes what it does and on which thread; jobs are told by their seeds."""

    ticks: list[tuple[str, tuple[int, ...]]] = field(default_factory=list)
    threads: set[str] = field(default_factory=set)
    fails_for: Callable[[tuple[int, ...]], bool] = lambda seeds: False

    def __post_init__(self) -> None:
        self._artist = SleepingArtist(step_s=0.0, steps=3)
        self.threads.add(threading.current_thread().name)

    def begin(self, order: DrawOrder) -> Run:
        self._note("begin", order.job.seed)
        return self._artist.begin(order)

    def step(self, runs: Sequence[Run]) -> None:
        seeds = tuple(run.seed for run in runs)
        self._note("step", *seeds)
        if self.fails_for(seeds):
            raise OutOfMemory("It did not fit into memory.")
        self._artist.step(runs)

    def finish(self, run: Run) -> Drawing:
        self._note("finish", run.seed)
        return self._artist.finish(run)

    def steps(self) -> list[tuple[int, ...]]:
        return [seeds for kind, seeds in self.ticks if kind == "step"]

    def _note(self, kind: str, *seeds: int) -> None:
        self.ticks.append((kind, seeds))
        self.threads.add(threading.current_thread().name)


def an_order(seed: int, tier: Tier = Tier.FAST, *, steps: int = 4) -> DrawOrder:
    return DrawOrder(job=a_render_job(seed=seed, tier=tier, steps=steps))


class Cue:
    """An `OnStep` that submits orders at certain steps, and holds their futures."""

    def __init__(self, engine: Engine, **orders: tuple[int, DrawOrder]) -> None:
        self._engine = engine
        self._orders = orders
        self.drawn: dict[str, Future[Drawing]] = {}

    def __call__(self, done: int, steps: int) -> None:
        for name, (at, order) in self._orders.items():
            if done >= at and name not in self.drawn:
                self.drawn[name] = self._engine.submit(order, ignore)


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
    assert [artist.threads for artist in opened] == [{"engine"}]


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


def test_what_a_step_raises_reaches_the_one_who_waits_and_the_others_go_on():
    def cancel(done: int, steps: int) -> None:
        if done == 2:
            raise Cancelled

    artist = NotingArtist()
    with running(artist) as engine:
        cancelled = engine.submit(an_order(1), cancel)
        drawn = engine.submit(an_order(2), ignore)
        with pytest.raises(Cancelled):
            cancelled.result()
        assert drawn.result().pictures
    assert sum(1 in seeds for seeds in artist.steps()) == 2
    assert sum(2 in seeds for seeds in artist.steps()) == 4


def test_every_step_is_told_to_each_of_those_who_share_it():
    told: dict[int, list[tuple[int, int]]] = {1: [], 2: []}
    with running(NotingArtist()) as engine:
        first = engine.submit(an_order(1, steps=6), lambda *step: told[1].append(step))
        engine.submit(an_order(2, steps=3), lambda *step: told[2].append(step)).result()
        first.result()
    for seed, steps in ((1, 6), (2, 3)):
        assert sorted(set(told[seed])) == [(done, steps) for done in range(steps + 1)]
        assert told[seed] == sorted(told[seed])


def test_a_job_joins_those_in_flight_at_the_next_boundary_and_leaves_when_it_is_done():
    artist = NotingArtist()
    with running(artist) as engine:
        cue = Cue(engine, second=(2, an_order(2, steps=3)))
        engine.submit(an_order(1, steps=8), cue).result()
        assert cue.drawn["second"].result().pictures
    assert artist.steps() == [(1,)] * 2 + [(1, 2)] * 3 + [(1,)] * 3
    begun = artist.ticks.index(("begin", (2,)))
    assert artist.ticks[begun - 1] == ("step", (1,))


def test_jobs_larger_than_the_budget_take_their_steps_apart():
    artist = NotingArtist()
    engine = Engine(open_artist=lambda: artist, most_pixels=64 * 64)
    cue = Cue(engine, second=(2, an_order(2, steps=2)))
    engine.start()
    engine.submit(an_order(1, steps=4), cue).result()
    cue.drawn["second"].result()
    engine.close()
    assert artist.steps() == [(1,)] * 4 + [(2,)] * 2


def test_a_turbo_job_overtakes_relax_jobs_and_they_resume():
    artist = NotingArtist()
    with running(artist) as engine:
        cue = Cue(
            engine,
            second=(0, an_order(2, Tier.RELAX, steps=5)),
            turbo=(2, an_order(3, Tier.TURBO, steps=3)),
        )
        engine.submit(an_order(1, Tier.RELAX, steps=5), cue).result()
        assert all(one.result().pictures for one in cue.drawn.values())
    together = [("step", (1, 2))]
    alone = [("begin", (3,)), *[("step", (3,))] * 3, ("finish", (3,))]
    assert artist.ticks == [
        ("begin", (1,)),
        ("begin", (2,)),
        *together * 2,
        *alone,
        *together * 3,
        ("finish", (1,)),
        ("finish", (2,)),
    ]


def test_a_fast_job_is_not_parked_for_a_turbo_job_but_shares_its_steps():
    artist = NotingArtist()
    with running(artist) as engine:
        cue = Cue(engine, turbo=(1, an_order(2, Tier.TURBO, steps=2)))
        engine.submit(an_order(1, Tier.FAST, steps=4), cue).result()
        cue.drawn["turbo"].result()
    assert artist.steps() == [(1,), (2, 1), (2, 1), (1,)]


def test_a_job_that_is_parked_can_be_cancelled():
    artist = NotingArtist()
    asked: list[int] = []
    with running(artist) as engine:
        cue = Cue(engine, turbo=(2, an_order(2, Tier.TURBO, steps=4)))

        def cancel_when_parked(done: int, steps: int) -> None:
            cue(done, steps)
            asked.append(done)
            if asked.count(done) > 1:
                raise Cancelled

        relaxed = engine.submit(an_order(1, Tier.RELAX, steps=9), cancel_when_parked)
        with pytest.raises(Cancelled):
            relaxed.result()
        assert cue.drawn["turbo"].result().pictures
    assert asked == [0, 1, 2, 2]
    assert sum(1 in seeds for seeds in artist.steps()) == 2


def test_a_relax_job_is_drawn_though_turbo_jobs_never_end():
    artist = NotingArtist()
    relaxed: list[Future[Drawing]] = []
    is_drawn = threading.Event()
    with running(artist) as engine:

        def keep_turbo_busy() -> None:
            asked = itertools.count()

            def on_step(done: int, steps: int) -> None:
                if not relaxed:
                    relaxed.append(engine.submit(an_order(1, Tier.RELAX, steps=3), ignore))
                    relaxed[0].add_done_callback(lambda _: is_drawn.set())
                if done == steps and next(asked) == 0 and not relaxed[0].done():
                    keep_turbo_busy()

            engine.submit(an_order(2, Tier.TURBO, steps=5), on_step)

        keep_turbo_busy()
        assert is_drawn.wait(timeout=60)
    assert relaxed[0].result(timeout=0).pictures
    first = next(i for i, (_, seeds) in enumerate(artist.ticks) if 1 in seeds)
    assert MOST_TICKS_ASIDE <= first <= MOST_TICKS_ASIDE + 20


def test_a_step_that_fails_for_all_is_tried_by_halves_and_fails_for_one_alone():
    artist = NotingArtist(fails_for=lambda seeds: 3 in seeds or len(seeds) > 2)
    with running(artist) as engine:
        cue = Cue(engine, **{f"job{seed}": (0, an_order(seed)) for seed in (2, 3, 4)})
        engine.submit(an_order(1), cue).result()
        assert cue.drawn["job2"].result().pictures
        assert cue.drawn["job4"].result().pictures
        with pytest.raises(OutOfMemory):
            cue.drawn["job3"].result()
    taken = [seeds for seeds in artist.steps() if not artist.fails_for(seeds)]
    for seed in (1, 2, 4):
        assert sum(seed in seeds for seeds in taken) == 4


def test_nothing_of_a_job_is_kept_when_it_has_been_drawn():
    artist = SleepingArtist(step_s=0.0, steps=2)
    with running(artist) as engine:
        order = an_order(1)
        drawing = engine.submit(order, ignore).result()
        gone = [weakref.ref(drawing), weakref.ref(order)]
        del drawing, order
        engine.load().result()
        gc.collect()
        assert [one() for one in gone] == [None, None]


def test_closing_draws_what_was_submitted_before():
    engine = Engine(open_artist=NotingArtist)
    ordered = [engine.submit(an_order(seed), ignore) for seed in range(3)]
    engine.start()
    engine.close()
    assert all(one.result(timeout=0).pictures for one in ordered)


def test_a_rehearsal_takes_every_step_and_draws_by_the_seed():
    told: list[tuple[int, int]] = []
    artist = SleepingArtist(step_s=0.0, steps=3)
    order = DrawOrder(job=a_render_job(image_count=2, steps=None))
    first = draw_alone(artist, order, lambda done, steps: told.append((done, steps)))
    again = draw_alone(artist, order)
    assert told == [(0, 3), (1, 3), (2, 3), (3, 3)]
    assert [one.tobytes() for one in first.pictures] == [one.tobytes() for one in again.pictures]
    assert first.pictures[0].tobytes() != first.pictures[1].tobytes()
