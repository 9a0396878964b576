"""The use cases around one generation, over in-memory twins."""

from dataclasses import replace
from typing import Final

import pytest

from backend.domain.errors import (
    FamilyUnavailable,
    IdempotencyMismatch,
    ImageNotFound,
    InvalidAspectRatio,
    JobFinished,
    JobNotDelivered,
    JobNotFound,
    NotYours,
    PromptEmpty,
    TooManyWaiting,
)
from backend.domain.families import ModelFamily
from backend.domain.jobs import JobState
from backend.domain.prompts import LoraRef
from backend.domain.requests import JobId
from backend.domain.tiers import TIER_POLICIES, Tier
from backend.prompt.interpreter import Interpreter
from backend.service.generations import fingerprint
from tests.builders import a_request, a_requester, a_result, at
from tests.fakes.services import FakeWorkshop
from tests.fakes.translators import PhraseBook, guess_by_word

# Of a fox with seed 7, as a release without LoRAs made it.
OLDER_DIGEST: Final = "0242f679ffaeb07c02a92543f8a60bbcbf998244d9a058fe040c162a288c57f2"


@pytest.fixture
def workshop() -> FakeWorkshop:
    return FakeWorkshop()


async def test_a_request_becomes_a_queued_job_at_the_end_of_its_line(
    workshop: FakeWorkshop,
) -> None:
    await workshop.services.generations.submit(a_request("a fox"))
    second = await workshop.services.generations.submit(a_request("an owl --turbo"))
    third = await workshop.services.generations.submit(a_request("a bear"))
    assert second.job.state is JobState.QUEUED
    assert second.position == 0
    assert third.position == 1


async def test_the_seed_in_the_prompt_is_the_seed_of_the_job(workshop: FakeWorkshop) -> None:
    view = await workshop.services.generations.submit(a_request("a fox --seed 42"))
    assert view.job.seed == 42


async def test_a_repeated_submission_returns_the_first_job(workshop: FakeWorkshop) -> None:
    request = a_request("a fox", idempotency_key="click-1")
    first = await workshop.services.generations.submit(request)
    again = await workshop.services.generations.submit(request)
    assert again.job.id == first.job.id


async def test_an_account_has_only_so_many_jobs_waiting_in_a_tier(workshop: FakeWorkshop) -> None:
    most = TIER_POLICIES[Tier.TURBO].waiting_max
    assert most is not None
    asked = [a_request("a fox --turbo", idempotency_key=f"k{n}") for n in range(most + 1)]
    for request in asked[:most]:
        await workshop.services.generations.submit(request)
    with pytest.raises(TooManyWaiting) as refusal:
        await workshop.services.generations.submit(asked[most])
    assert f"{most} jobs waiting in turbo" in refusal.value.message
    # Neither another tier nor a repetition of what was accepted is refused.
    await workshop.services.generations.submit(a_request("a fox --fast"))
    await workshop.services.generations.submit(asked[0])


async def test_a_used_key_with_another_request_is_refused(workshop: FakeWorkshop) -> None:
    await workshop.services.generations.submit(a_request("a fox", idempotency_key="k"))
    with pytest.raises(IdempotencyMismatch):
        await workshop.services.generations.submit(a_request("an owl", idempotency_key="k"))


def test_a_request_without_loras_is_digested_as_by_an_older_release() -> None:
    plain = a_request("a fox", seed=7)
    assert fingerprint(plain) == OLDER_DIGEST
    assert fingerprint(replace(plain, loras=(LoraRef(name="fox"),))) != OLDER_DIGEST


async def test_a_reroll_wears_the_same_loras(workshop: FakeWorkshop) -> None:
    loras = (LoraRef(name="fox", scale=0.5),)
    first = await workshop.services.generations.submit(a_request(loras=loras))
    again = await workshop.services.generations.reroll(first.job.id, a_requester())
    assert again.job.spec.loras == first.job.spec.loras == loras


async def test_a_blocked_prompt_is_held_and_opens_a_review(workshop: FakeWorkshop) -> None:
    view = await workshop.services.generations.submit(a_request("forbidden words"))
    assert view.job.state is JobState.BLOCKED
    cards = await workshop.services.moderation.reviews.open_cards(
        a_requester("mod", is_moderator=True)
    )
    assert [card.job.id for card in cards] == [view.job.id]


async def test_a_family_nobody_serves_is_refused_and_the_served_ones_are_named(
    workshop: FakeWorkshop,
) -> None:
    with pytest.raises(FamilyUnavailable) as refusal:
        await workshop.services.generations.submit(a_request("a fox", family=ModelFamily.SD3))
    assert "sdxl" in refusal.value.way_out


@pytest.mark.parametrize(
    ("prompt", "error"), [("", PromptEmpty), ("a fox --ar 0:3", InvalidAspectRatio)]
)
async def test_bad_input_leaves_no_job(
    workshop: FakeWorkshop, prompt: str, error: type[Exception]
) -> None:
    with pytest.raises(error):
        await workshop.services.generations.submit(a_request(prompt))
    assert await workshop.services.generations.recent(a_requester()) == []


async def test_the_owner_cancels_and_the_worker_is_flagged(workshop: FakeWorkshop) -> None:
    job = (await workshop.services.generations.submit(a_request())).job
    view = await workshop.services.generations.cancel(job.id, a_requester())
    assert view.job.state is JobState.CANCELLED
    assert job.id in workshop.cancel_flags.raised
    with pytest.raises(JobFinished):
        await workshop.services.generations.cancel(job.id, a_requester())


async def test_a_stranger_cannot_cancel_but_a_moderator_can(workshop: FakeWorkshop) -> None:
    job = (await workshop.services.generations.submit(a_request())).job
    with pytest.raises(NotYours):
        await workshop.services.generations.cancel(job.id, a_requester("mallory"))
    moderator = a_requester("mod", is_moderator=True)
    assert (await workshop.services.generations.cancel(job.id, moderator)).job.is_terminal


async def test_a_stranger_cannot_tell_a_private_job_from_none(workshop: FakeWorkshop) -> None:
    job = (await workshop.services.generations.submit(a_request())).job
    with pytest.raises(JobNotFound):
        await workshop.services.generations.view(job.id, a_requester("mallory"))
    with pytest.raises(JobNotFound):
        await workshop.services.generations.view(JobId("gen_none"), a_requester())


async def test_a_variation_starts_from_the_picture_with_a_new_seed(workshop: FakeWorkshop) -> None:
    job = await workshop.deliver(a_request("a fox --seed 7 --ar 3:2"), a_result())
    view = await workshop.services.generations.vary(job.id, 1, a_requester("bob"))
    source = view.job.request.source
    assert source is not None
    assert (source.job_id, source.index) == (job.id, 1)
    assert view.job.seed != job.seed
    assert str(view.job.spec.aspect_ratio) == "3:2"
    assert view.job.request.requester.account_id == "discord:bob"


async def test_only_delivered_pictures_can_be_varied(workshop: FakeWorkshop) -> None:
    waiting = (await workshop.services.generations.submit(a_request())).job
    with pytest.raises(JobNotDelivered):
        await workshop.services.generations.vary(waiting.id, 0, a_requester())
    job = await workshop.deliver(a_request(), a_result(2))
    with pytest.raises(ImageNotFound):
        await workshop.services.generations.vary(job.id, 3, a_requester())


async def test_a_reroll_keeps_the_words_and_changes_the_seed(workshop: FakeWorkshop) -> None:
    job = await workshop.deliver(a_request("a fox --seed 7 --no snow"), a_result())
    view = await workshop.services.generations.reroll(job.id, a_requester())
    assert view.job.spec.positive_text == "a fox"
    assert view.job.spec.negative_text == "snow"
    assert view.job.seed != 7
    assert view.job.created_at >= at(0)


async def test_a_job_keeps_what_was_typed_and_its_descendants_are_translated_anew() -> None:
    book = PhraseBook()
    workshop = FakeWorkshop(interpret=Interpreter(translator=book, guess=guess_by_word))
    generations = workshop.services.generations
    first = await generations.submit(a_request("(rojo:1.3) zorro --no niebla"))
    assert first.job.request.prompt == "(rojo:1.3) zorro --no niebla"
    assert (first.job.spec.positive_text, first.job.spec.negative_text) == ("red fox", "fog")
    again = await generations.reroll(first.job.id, a_requester())
    assert again.job.request.prompt == "(rojo:1.3) zorro"
    assert again.job.spec.positive == first.job.spec.positive
    assert again.job.spec.translation == first.job.spec.translation


async def test_what_a_translation_brings_to_light_is_held() -> None:
    workshop = FakeWorkshop(interpret=Interpreter(translator=PhraseBook(), guess=guess_by_word))
    view = await workshop.services.generations.submit(a_request("prohibido"))
    assert (view.job.state, view.job.spec.positive_text) == (JobState.BLOCKED, "forbidden")


async def test_what_is_held_as_typed_stays_held_when_its_translation_is_harmless() -> None:
    book = PhraseBook({"palabras forbidden": "words"})
    workshop = FakeWorkshop(interpret=Interpreter(translator=book, guess=guess_by_word))
    view = await workshop.services.generations.submit(a_request("palabras forbidden"))
    assert (view.job.state, view.job.spec.positive_text) == (JobState.BLOCKED, "words")
