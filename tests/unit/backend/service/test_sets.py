"""One prompt that stands for several jobs: braces and `--repeat`, as one whole."""

import pytest

from backend.domain.errors import ParameterNotSupported, TooManyPermutations, TooManyWaiting
from backend.domain.tiers import TIER_POLICIES, Tier
from tests.builders import a_request
from tests.fakes.services import FakeWorkshop


@pytest.fixture
def workshop() -> FakeWorkshop:
    return FakeWorkshop()


async def test_braces_become_jobs_with_one_parent(workshop: FakeWorkshop) -> None:
    views = await workshop.services.generations.submit_all(
        a_request("a {red, blue} fox --ar {3:2, 2:3} --seed 7")
    )
    parent = views[0].job.id
    assert [view.job.spec.positive_text for view in views] == 2 * ["a red fox"] + 2 * ["a blue fox"]
    assert [str(view.job.spec.aspect_ratio) for view in views] == ["3:2", "2:3"] * 2
    assert [view.job.id for view in views] == [parent, *(f"{parent}-{i}" for i in (1, 2, 3))]
    places = [view.job.request.place for view in views]
    assert [(one.parent, one.index, one.count) for one in places if one] == [
        (parent, index, 4) for index in range(4)
    ]
    assert {view.job.seed for view in views} == {7}
    assert [view.job.request.prompt for view in views][1] == "a red fox --ar 2:3 --seed 7"


async def test_repeats_have_seeds_of_their_own(workshop: FakeWorkshop) -> None:
    views = await workshop.services.generations.submit_all(
        a_request("a fox --repeat 3 --seed 7 --n 2")
    )
    assert [view.job.seed for view in views] == [7, 9, 11]
    unseeded = await workshop.services.generations.submit_all(a_request("a fox --r 4"))
    assert len({view.job.seed for view in unseeded}) == 4


async def test_a_set_asked_for_again_under_its_key_is_the_same_set(workshop: FakeWorkshop) -> None:
    request = a_request("a {red, blue, green} fox", idempotency_key="k")
    first = await workshop.services.generations.submit_all(request)
    again = await workshop.services.generations.submit_all(request)
    assert [view.job.id for view in again] == [view.job.id for view in first]
    assert [view.is_repeated for view in first] == [False] * 3
    assert [view.is_repeated for view in again] == [True] * 3
    assert len(workshop.jobs.memory.jobs) == 3


async def test_every_job_of_a_set_is_held_on_its_own(workshop: FakeWorkshop) -> None:
    views = await workshop.services.generations.submit_all(a_request("a {red, blue} fox"))
    assert all(view.cost.held_s > 0 for view in views)
    balance = await workshop.books.balance(views[0].job.request.requester.account_id)
    assert balance.held_s == pytest.approx(sum(view.cost.held_s for view in views))


async def test_one_held_prompt_of_a_set_does_not_hold_the_others(workshop: FakeWorkshop) -> None:
    views = await workshop.services.generations.submit_all(a_request("a {forbidden, red} fox"))
    assert [view.job.state for view in views] == ["blocked", "queued"]


@pytest.mark.parametrize("tier", Tier)
async def test_a_tier_allows_only_so_many_jobs_of_one_prompt(
    workshop: FakeWorkshop, tier: Tier
) -> None:
    most = TIER_POLICIES[tier].set_max
    fits = await workshop.services.generations.submit_all(
        a_request(f"a fox --repeat {most} --{tier}")
    )
    assert len(fits) == most
    with pytest.raises(TooManyPermutations):
        await workshop.services.generations.submit_all(
            a_request("a {1, 2} fox --repeat 21 " + f"--{tier}")
        )
    assert len(workshop.jobs.memory.jobs) == most


async def test_a_set_that_does_not_fit_in_line_leaves_nothing_behind(
    workshop: FakeWorkshop,
) -> None:
    most = TIER_POLICIES[Tier.TURBO].waiting_max
    assert most is not None
    for _ in range(most // 4):
        await workshop.services.generations.submit_all(a_request("a fox --r 4 --turbo"))
    await workshop.services.generations.cancel(
        next(iter(workshop.jobs.memory.jobs)), a_request().requester
    )
    with pytest.raises(TooManyWaiting):
        await workshop.services.generations.submit_all(a_request("a fox --r 2 --turbo"))
    assert len(workshop.jobs.memory.jobs) == most


async def test_who_asks_for_one_job_gets_no_set(workshop: FakeWorkshop) -> None:
    with pytest.raises(TooManyPermutations):
        await workshop.services.generations.submit(a_request("a {red, blue} fox"))


async def test_a_job_of_a_set_is_drawn_again_alone(workshop: FakeWorkshop) -> None:
    views = await workshop.services.generations.submit_all(a_request("a ({red, blue}:1.3) fox"))
    again = await workshop.services.generations.reroll(views[1].job.id, a_request().requester)
    assert again.job.request.place is None
    assert again.job.spec.positive == views[1].job.spec.positive


async def test_who_draws_at_once_refuses_a_dry_run_instead_of_drawing(
    workshop: FakeWorkshop,
) -> None:
    with pytest.raises(ParameterNotSupported):
        await workshop.services.generations.submit(a_request("a fox --dry"))
    assert workshop.jobs.memory.jobs == {}
