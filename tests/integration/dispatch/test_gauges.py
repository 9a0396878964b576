"""What the leader tells of the lines, over a real table and a real Valkey."""

import pytest

from backend.delivery.gauges import TOLD_TTL_S
from backend.domain.errors import Unavailable
from backend.domain.families import ModelFamily
from backend.domain.jobs import JobState
from backend.domain.tiers import Tier
from backend.domain.workers import WorkerState
from backend.scheduling.gauges import Board, FamilyGauges, TierGauges
from tests.fakes.servers import ValkeyServer
from tests.integration.dispatch.floor import Floor, eventually, finished, started

SDXL = ModelFamily.SDXL


async def sdxl(floor: Floor, *, tier: Tier = Tier.FAST, **figures: object) -> FamilyGauges:
    """Wait until these figures are told of a tier."""

    async def holds() -> bool:
        told = (await floor.gauges.read()).families.get(SDXL)
        return told is not None and all(
            getattr(told.tiers[tier], name) == figure for name, figure in figures.items()
        )

    await eventually(holds)
    return (await floor.gauges.read()).families[SDXL]


async def test_whoever_asks_reads_what_the_leader_sees(floor: Floor) -> None:
    await floor.announce(slots=2)
    drawn, sent = [await floor.submit() for _ in range(2)]
    for _ in range(3):
        await floor.submit(tier=Tier.RELAX)
    async with floor.running():
        await floor.is_queued(2)
        message = await floor.take()
        await floor.report(started(message))
        await floor.reaches(drawn, JobState.RENDERING)
        told = await sdxl(floor, handed_out=1, running=1)
        # One slot is free again for a job ahead: relax has it.
        await sdxl(floor, tier=Tier.RELAX, waiting=2, handed_out=1)
        board = await floor.gauges.read()
    assert board.is_led
    assert board.workers == {SDXL: 1, ModelFamily.SD3: 0, ModelFamily.FLUX: 0}
    assert board.states == {SDXL: {WorkerState.IDLE: 1}}
    assert told.slots == 2
    assert told.drain_s is not None
    assert told.drain_s > 0
    assert not (await floor.job(sent)).is_waiting


async def test_counters_outlive_the_dispatcher(floor: Floor) -> None:
    await floor.announce()
    for _ in range(2):
        job_id = await floor.submit()
        async with floor.running():
            await floor.is_queued(1)
            message = await floor.take()
            await floor.report(started(message), finished(message))
            await floor.reaches(job_id, JobState.DELIVERED)
    async with floor.running():
        told = await sdxl(floor, begun=2)
    # A leader that steps down says so at once.
    assert not (await floor.gauges.read()).is_led
    assert told.tiers[Tier.FAST].waiting == 0


async def test_what_is_told_is_read_as_it_was_and_forgotten_soon(floor: Floor) -> None:
    tiers = {tier: TierGauges(waiting=number, share=0.5) for number, tier in enumerate(Tier)}
    gauges = FamilyGauges(at_s=1.5, slots=3, drain_s=None, tiers=tiers)
    await floor.gauges.tell(SDXL, gauges)
    assert await floor.gauges.read() == Board(
        is_led=False, workers=dict.fromkeys(ModelFamily, 0), families={SDXL: gauges}
    )
    [key] = await floor.redis.keys("impasto:gauges:*")
    assert 0 < await floor.redis.ttl(key) <= TOLD_TTL_S


async def test_what_another_release_tells_is_left_out(floor: Floor) -> None:
    await floor.redis.set("impasto:gauges:sdxl", b'{"slots": "many"}')
    await floor.redis.set("impasto:gauges:flux", b'{"at_s": 1, "news": 2}')
    assert list((await floor.gauges.read()).families) == [ModelFamily.FLUX]


async def test_a_server_that_is_away_is_named_as_such(
    own_floor: Floor, valkey_server: ValkeyServer
) -> None:
    valkey_server.kill()
    with pytest.raises(Unavailable):
        await own_floor.gauges.read()
