"""Dry runs: what they say is what a submission does, and they leave nothing behind."""

import pytest

from backend.domain.errors import UnknownParameter
from backend.domain.families import ModelFamily
from backend.domain.outlook import Outlook
from backend.domain.tiers import Tier
from backend.scheduling.gauges import Board, FamilyGauges
from backend.service.expectations import Expectations
from backend.service.given_pictures import GivenKeys
from backend.service.line import message_of
from backend.service.turns import Turns
from tests.builders import a_birth, a_job, a_request, a_spec, at
from tests.fakes.events import MemoryGauges
from tests.fakes.services import FakeWorkshop
from tests.fakes.stores import MemoryJobStore, MemoryQueueDocuments


@pytest.fixture
def workshop() -> FakeWorkshop:
    return FakeWorkshop()


PROMPTS = [
    "a red star --q .5 --c 30",
    "a (red:1.3) star::2 snow::-0.5 --ar 16:9 --no fog, (rain:1.2)",
    "a fox --style ink --s 400 --stop 50",
    "a {red, blue} fox --repeat 2 --draft --n 2",
    "a forbidden fox",
]


@pytest.mark.parametrize("prompt", PROMPTS)
async def test_what_is_foretold_is_what_a_submission_makes(
    workshop: FakeWorkshop, prompt: str
) -> None:
    foretold = await workshop.services.explanations.explain(a_request(prompt))
    assert workshop.jobs.memory.jobs == {}
    views = await workshop.services.generations.submit_all(a_request(prompt))
    told = [one for one in foretold.prompts for _ in range(one.times)]
    assert foretold.jobs == len(views) == len(told)
    for one, view in zip(told, views, strict=True):
        assert one.spec.positive == view.job.spec.positive
        assert one.spec.manner == view.job.spec.manner
        assert one.cost_s == pytest.approx(view.job.predicted_s)
        assert one.verdict.is_allowed == (view.job.block is None)
        assert one.notes == view.notes
    assert foretold.cost_s == pytest.approx(sum(view.job.predicted_s for view in views))


@pytest.mark.parametrize("prompt", PROMPTS[:3])
async def test_tokens_are_counted_of_what_a_worker_is_told(
    workshop: FakeWorkshop, prompt: str
) -> None:
    [foretold] = (await workshop.services.explanations.explain(a_request(prompt))).prompts
    view = await workshop.services.generations.submit(a_request(prompt))
    message = message_of(view.job, GivenKeys())
    assert len(foretold.tokens[0].tokens) == max(1, len(message.parts))
    assert bool(foretold.negative_tokens) == bool(view.job.spec.negative)


async def test_nothing_is_said_of_a_model_that_is_elsewhere(workshop: FakeWorkshop) -> None:
    explanations = workshop.services.explanations
    explanations._measures._folders = {}
    [foretold] = (await explanations.explain(a_request("a fox"))).prompts
    assert (foretold.size, foretold.steps, foretold.tokens) == (None, None, ())
    assert "not on this host" in foretold.uncounted


async def test_what_cannot_be_read_is_refused_as_ever(workshop: FakeWorkshop) -> None:
    with pytest.raises(UnknownParameter):
        await workshop.services.explanations.explain(a_request("a fox --sede 7"))


async def test_a_family_that_nobody_draws_is_said(workshop: FakeWorkshop) -> None:
    told = await workshop.services.explanations.explain(a_request("a fox --m flux"))
    assert "flux" in told.refusal


class Line:
    """A line that can be looked ahead in."""

    def __init__(self) -> None:
        self.jobs, self.documents = MemoryJobStore(), MemoryQueueDocuments()
        self.gauges = MemoryGauges()
        self.expectations = Expectations(
            gauges=self.gauges,
            open_turns=lambda family: Turns(
                family=family, jobs=self.jobs, documents=self.documents, clock=lambda: at(0)
            ),
            clock=lambda: at(0),
        )

    async def of(self, tier: Tier = Tier.FAST) -> Outlook | None:
        requester = a_request().requester
        return await self.expectations.of(a_spec(tier=tier), requester.account_id, cost_s=1.0)


async def test_a_job_that_is_not_in_line_is_told_when_it_would_begin() -> None:
    line = Line()
    assert await line.of() is None
    line.gauges.board = Board(
        is_led=True, families={ModelFamily.SDXL: FamilyGauges(at_s=0, slots=1)}
    )
    first = await line.of()
    assert first is not None
    assert first.position == 0
    for number in range(5):
        await line.jobs.add(a_birth(a_job()), fingerprint=str(number))
    later = await line.of()
    assert later is not None
    assert later.position == 5
    assert later.p50_s > first.p50_s
    assert await line.documents.load(ModelFamily.SDXL) is None


async def test_without_a_server_to_ask_nothing_is_promised() -> None:
    line = Line()
    line.gauges.is_away = True
    assert await line.of() is None
