"""Jobs that were asked for by one prompt: stored all or none, and found again by one key."""

import pytest

from backend.domain.errors import IdempotencyMismatch, TooManyWaiting
from backend.domain.jobs import Change
from backend.domain.requests import JobId
from backend.domain.tiers import Tier
from backend.service.sets import places
from tests.builders import a_birth, a_job, a_request, a_spec
from tests.contract.db.conftest import Stores

NO_BOUND: dict[Tier, int | None] = dict.fromkeys(Tier)


def births(count: int, *, parent: str = "gen_set", key: str = "k") -> list[Change]:
    made = []
    for place in places(JobId(parent), count):
        own_key = key if place.index == 0 else None
        request = a_request(f"a fox {place.index}", idempotency_key=own_key, place=place)
        made.append(
            a_birth(a_job(id=place.ids()[place.index], request=request, spec=a_spec(seed=7)))
        )
    return made


async def test_a_set_is_stored_as_it_was_and_found_by_its_key(stores: Stores) -> None:
    asked = births(3)
    jobs = await stores.jobs.add_set(asked, fingerprint="f", waiting_max=NO_BOUND)
    assert jobs == [birth.job for birth in asked]
    again = await stores.jobs.add_set(
        births(3, parent="gen_other"), fingerprint="f", waiting_max=NO_BOUND
    )
    assert again == jobs
    assert await stores.jobs.get(JobId("gen_other")) is None
    assert [job.id for job in jobs] == ["gen_set", "gen_set-1", "gen_set-2"]


async def test_a_key_of_another_request_makes_no_set(stores: Stores) -> None:
    await stores.jobs.add_set(births(2), fingerprint="f", waiting_max=NO_BOUND)
    with pytest.raises(IdempotencyMismatch):
        await stores.jobs.add_set(births(2, parent="gen_b"), fingerprint="g", waiting_max=NO_BOUND)


async def test_a_set_that_does_not_fit_is_not_stored_in_part(stores: Stores) -> None:
    with pytest.raises(TooManyWaiting):
        await stores.jobs.add_set(
            births(3), fingerprint="f", waiting_max={**NO_BOUND, Tier.FAST: 2}
        )
    for place in places(JobId("gen_set"), 3):
        assert await stores.jobs.get(place.ids()[place.index]) is None
    assert await stores.jobs.unpublished(10) == []
