"""In which order backlogged tiers are handed to workers: real table, real queues."""

import json
from collections import Counter

import pytest

from backend.contracts import StageTimings
from backend.domain.requests import JobId
from backend.domain.tiers import Tier
from backend.scheduling.rules import FairRules, plain_stride
from tests.integration.dispatch.floor import Floor, eventually, finished, started

SLOTS = 8
JOBS = 48
BY_WEIGHT = {Tier.TURBO: 10 / 16, Tier.FAST: 5 / 16, Tier.RELAX: 1 / 16}
WITH_RESERVES = {Tier.TURBO: 0.6, Tier.FAST: 0.3, Tier.RELAX: 0.1}


@pytest.mark.parametrize(
    ("rules", "due"),
    [(plain_stride(), BY_WEIGHT), (FairRules(), WITH_RESERVES)],
    ids=["by weight alone", "with reserves"],
)
async def test_backlogged_tiers_are_handed_out_within_a_job_and_a_half_of_what_is_due(
    floor: Floor, rules: FairRules, due: dict[Tier, float]
) -> None:
    tiers: dict[JobId, Tier] = {}
    for tier in Tier:
        for _ in range(round(JOBS * due[tier]) + SLOTS):
            tiers[await floor.submit(tier=tier, is_told=False)] = tier
    await floor.announce(slots=SLOTS)
    async with floor.running(floor.dispatcher(rules=rules)):
        drawn = 0
        while drawn < JOBS - SLOTS:
            await eventually(lambda: _any_is_queued(floor))
            for tier in Tier:
                for _ in await floor.queued(tier):
                    message = await floor.take(tier)
                    done = finished(message)
                    took = StageTimings(denoise_s=1.0)
                    done = done.model_copy(update={"timings": took})
                    await floor.report(started(message), done)
                    drawn += 1

        async def are_handed_out() -> bool:
            return len(await _handed_out(floor)) >= JOBS

        await eventually(are_handed_out)
    handed = [tiers[job_id] for job_id in (await _handed_out(floor))[:JOBS]]
    served = Counter()
    for number, tier in enumerate(handed, start=1):
        served[tier] += 1
        for each in Tier:
            assert abs(served[each] - number * due[each]) <= 1.5


async def _handed_out(floor: Floor) -> list[JobId]:
    entries = await floor.redis.xrange("impasto:events")
    events = [json.loads(fields[b"event"]) for _, fields in entries]
    return [JobId(event["job_id"]) for event in events if event["kind"] == "dispatched"]


async def _any_is_queued(floor: Floor) -> bool:
    return any([await floor.queued(tier) for tier in Tier])
