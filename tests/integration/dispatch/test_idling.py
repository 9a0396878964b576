"""Where nobody waits the dispatcher rests longer, and misses nothing for longer than it rests."""

from backend.dispatch.leader import ALIVE_KEY
from backend.dispatch.loop import Dispatcher, Rhythm
from tests.integration.dispatch.floor import Floor, eventually

ROUNDS = 30


class Ticks:
    """Counts how often a dispatcher fills queues, and how often it reconciles."""

    def __init__(self, dispatcher: Dispatcher) -> None:
        self.fillings = self.rounds = 0
        self._fill, self._tick = dispatcher._fill_queues, dispatcher._reconciler.tick
        dispatcher._fill_queues = self._filling
        dispatcher._reconciler.tick = self._round

    async def _filling(self) -> bool:
        self.fillings += 1
        return await self._fill()

    async def _round(self) -> None:
        self.rounds += 1
        await self._tick()

    async def pass_by(self, rounds: int) -> int:
        """Let rounds of the reconciler pass, which never rests longer; return the fillings."""
        begin, fillings = self.rounds, self.fillings

        async def have() -> bool:
            return self.rounds >= begin + rounds

        await eventually(have)
        return self.fillings - fillings


def rhythm(*, idle_tick_s: float, reconcile_s: float = 0.02) -> Rhythm:
    return Rhythm(tick_s=0.02, idle_tick_s=idle_tick_s, reconcile_s=reconcile_s, tell_s=0.02)


async def has_looked(floor: Floor, dispatcher: Dispatcher) -> None:
    """Wait until a dispatcher has seen that no line of any family has anybody in it."""

    async def is_empty() -> bool:
        return dispatcher._line.is_empty

    await eventually(lambda: floor.redis.exists(ALIVE_KEY))
    await eventually(is_empty)


async def test_while_nobody_waits_hardly_anything_is_asked(floor: Floor) -> None:
    await floor.announce()
    dispatcher = floor.dispatcher(rhythm=rhythm(idle_tick_s=600))
    ticks = Ticks(dispatcher)
    async with floor.running(dispatcher):
        await has_looked(floor, dispatcher)
        # One tick may have been on its way.
        await ticks.pass_by(ROUNDS)
        assert await ticks.pass_by(ROUNDS) == 0


async def test_while_somebody_waits_every_tick_looks(floor: Floor) -> None:
    await floor.present("w1", wants=0)
    job_id = await floor.submit()
    dispatcher = floor.dispatcher(rhythm=rhythm(idle_tick_s=600))
    ticks = Ticks(dispatcher)
    async with floor.running(dispatcher):
        await floor.is_told_its_place(job_id)
        assert await ticks.pass_by(ROUNDS) > ROUNDS / 10
        # Nobody nudges.
        await floor.present("w1", wants=1)
        assert [m.job_id for m in await floor.is_queued(1)] == [job_id]


async def test_who_enters_an_empty_line_is_sent_at_once(floor: Floor) -> None:
    await floor.announce()
    dispatcher = floor.dispatcher(rhythm=rhythm(idle_tick_s=600))
    async with floor.running(dispatcher):
        await has_looked(floor, dispatcher)
        job_id = await floor.submit()
        assert [m.job_id for m in await floor.is_queued(1)] == [job_id]


async def test_who_entered_an_empty_line_unheard_is_found_by_the_next_idle_tick(
    floor: Floor,
) -> None:
    await floor.announce()
    # Nor does the reconciler tell of it.
    dispatcher = floor.dispatcher(rhythm=rhythm(idle_tick_s=0.5, reconcile_s=600))
    async with floor.running(dispatcher):
        await has_looked(floor, dispatcher)
        job_id = await floor.submit(is_told=False)
        assert [m.job_id for m in await floor.is_queued(1)] == [job_id]
