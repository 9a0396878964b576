"""Dry runs: what they say is what a submission does, and they leave nothing behind."""

from typing import Any

import pytest

from backend.domain.errors import UnknownParameter
from backend.domain.families import IMAGE_PROMPT_FAMILIES, ModelFamily
from backend.domain.outlook import Outlook
from backend.domain.requests import ControlImage, ImagePrompt, SourceImage, UploadId
from backend.domain.tiers import Tier
from backend.scheduling.costs import CostModel
from backend.scheduling.gauges import Board, FamilyGauges
from backend.service.expectations import Expectations
from backend.service.given_pictures import GivenKeys
from backend.service.line import message_of
from backend.service.turns import Turns
from tests.builders import a_birth, a_job, a_request, a_requester, a_spec, at
from tests.fakes.events import MemoryGauges
from tests.fakes.link_servers import a_png
from tests.fakes.services import FakeWorkshop
from tests.fakes.stores import MemoryJobStore, MemoryQueueDocuments
from tests.fakes.uploads import MemoryPictureLinks


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


GIVEN = {
    "words alone": {},
    "a picture to start from": {"source": {"strength": 0.5}},
    "two image prompts": {"image_prompts": 2},
    "a ControlNet": {"controls": 1},
    "all of it": {"source": {"strength": 0.5}, "image_prompts": 1, "controls": 2},
}


async def a_given_request(workshop: FakeWorkshop, family: ModelFamily, given: dict[str, Any]):
    """Return a request with pictures, each an upload."""

    async def upload() -> UploadId:
        return (await workshop.services.uploads.add(a_png(), a_requester())).id

    source = given.get("source")
    prompts = range(given.get("image_prompts", 0))
    controls = range(given.get("controls", 0))
    return a_request(
        "a (red:1.3) star::2 snow --n 2",
        family=family,
        source=SourceImage(upload_id=await upload(), **source) if source else None,
        image_prompts=tuple([ImagePrompt(upload_id=await upload()) for _ in prompts]),
        controls=tuple(
            [ControlImage(upload_id=await upload(), controlnet=f"net{i}") for i in controls]
        ),
    )


KINDS = [
    (family, name)
    for family in ModelFamily
    for name, given in GIVEN.items()
    if "image_prompts" not in given or family in IMAGE_PROMPT_FAMILIES
]


def seconds_of(name: str) -> float:
    """Return what a kind of job takes: each a time of its own."""
    return 2.0 + 1.5 * list(GIVEN).index(name)


async def learn_all(workshop: FakeWorkshop, family: ModelFamily) -> None:
    """Have all kinds of jobs of a family measured, each as noisily as on a busy host."""
    costs = CostModel()
    for name in (name for one, name in KINDS if one is family):
        request = await a_given_request(workshop, family, GIVEN[name])
        job = (await workshop.services.generations.submit(request)).job
        for noise in (-0.08, -0.04, 0.0, 0.04, 0.08):
            costs.learn_job(job.spec, gpu_s=seconds_of(name) * (1 + noise), pixels=1024 * 1024)
    await workshop.documents.save(family, {"costs": costs.as_json()})
    workshop.services.explanations._predictions._kept.clear()


@pytest.mark.parametrize(("family", "name"), KINDS)
async def test_what_a_kind_of_job_took_is_what_is_foretold_of_the_next(
    workshop: FakeWorkshop, family: ModelFamily, name: str
) -> None:
    workshop.presence.there = set(ModelFamily)
    await workshop.fleet.look()
    await learn_all(workshop, family)
    request = await a_given_request(workshop, family, GIVEN[name])
    foretold = await workshop.services.explanations.explain(request)
    assert foretold.cost_s == pytest.approx(seconds_of(name), rel=0.1)
    job = (await workshop.services.generations.submit(request)).job
    assert foretold.prompts[0].spec.effort == job.spec.effort
    assert foretold.prompts[0].spec.adapters == job.spec.adapters


@pytest.mark.parametrize(("family", "name"), KINDS)
async def test_tokens_are_those_of_the_message_whatever_pictures_come_with_it(
    workshop: FakeWorkshop, family: ModelFamily, name: str
) -> None:
    workshop.presence.there = set(ModelFamily)
    await workshop.fleet.look()
    explanations = workshop.services.explanations
    request = await a_given_request(workshop, family, GIVEN[name])
    [told] = (await explanations.explain(request)).prompts
    job = (await workshop.services.generations.submit(request)).job
    parts = message_of(job, GivenKeys()).parts
    assert told.tokens == explanations._measures.counter(family).count(parts) != ()


async def test_a_linked_picture_is_foretold_to_cost_what_it_costs_once_it_is_an_upload() -> None:
    links = MemoryPictureLinks()
    links.pictures["https://x.example/a.png"] = a_png()
    workshop = FakeWorkshop(links=links)
    request = a_request("https://x.example/a.png a fox --sref https://x.example/a.png")
    foretold = await workshop.services.explanations.explain(request)
    job = (await workshop.services.generations.submit(request)).job
    assert foretold.prompts[0].spec.effort == job.spec.effort
    assert job.spec.effort.pictures == 2
    assert foretold.cost_s == pytest.approx(job.predicted_s)
    plain = (await workshop.services.generations.submit(a_request("a fox"))).job
    assert job.predicted_s > plain.predicted_s
