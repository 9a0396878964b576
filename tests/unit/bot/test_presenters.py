"""From the domain to sentences: pure."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.domain.errors import ImpastoError, PromptBlocked, SeedOutOfRange, UnknownParameter
from backend.domain.jobs import Block, Failure, Job, JobState, Lease, Progress
from backend.domain.outlook import Outlook
from backend.domain.prompts import Translation, WeightedPart
from backend.domain.requests import AccountId
from backend.domain.reviews import Review, ReviewId
from backend.service.job_view import JobView
from backend.service.reviews import ReviewCard
from bot.presenters.errors import ERROR_SENTENCES, failure_sentence, sentence_for
from bot.presenters.prompts import plain, shorten
from bot.presenters.queue_status import progress_line, why_text
from bot.presenters.results import job_text
from bot.presenters.reviews import asker_name, review_embed
from tests.builders import NOW, a_job, a_request, a_result, a_spec, at

CONTENT_MAX = 2000


def every_error_class() -> list[type[ImpastoError]]:
    found, open_classes = [], [ImpastoError]
    while open_classes:
        one = open_classes.pop()
        found.append(one)
        open_classes += one.__subclasses__()
    return found


@pytest.mark.parametrize("error_class", every_error_class(), ids=lambda one: one.__name__)
def test_every_error_code_has_its_sentence(error_class: type[ImpastoError]) -> None:
    assert error_class.code in ERROR_SENTENCES


def test_no_sentence_is_for_an_error_that_is_gone() -> None:
    assert set(ERROR_SENTENCES) == {one.code for one in every_error_class()}


def test_a_sentence_has_a_way_out() -> None:
    assert "Pick a smaller one" in sentence_for(SeedOutOfRange())


def test_a_refused_prompt_is_not_told_why() -> None:
    assert "violence" not in sentence_for(PromptBlocked(category="violence"))


def test_an_error_that_repeats_what_was_typed_wakes_nobody() -> None:
    said = sentence_for(UnknownParameter(name="@everyone", known=("ar",)))
    assert "@everyone" not in said


def test_a_failure_shows_its_stable_code() -> None:
    assert "`odd`" in failure_sentence(Failure(code="odd", message="Odd."))


@given(st.text(max_size=3000), st.integers(min_value=1, max_value=2**64))
def test_a_job_always_fits_into_a_message(prompt: str, asker_id: int) -> None:
    job = a_job(request=a_request(prompt))
    text = job_text(JobView(job=job, position=3), asker_id=asker_id)
    assert len(text) <= CONTENT_MAX
    assert "@everyone" not in text


@given(st.text(max_size=500), st.integers(min_value=2, max_value=100))
def test_shortening_keeps_the_limit(text: str, limit: int) -> None:
    assert len(shorten(text, limit)) <= limit


def test_links_do_not_unfold_and_stay_whole() -> None:
    assert plain("see https://example.org/a_b_c ok") == "see <https://example.org/a_b_c> ok"
    assert plain("<https://example.org/x>") == "<https://example.org/x>"


def test_a_link_cannot_hide_behind_other_words() -> None:
    assert plain("[free](https://example.org/x)") == r"\[free](<https://example.org/x)>"
    assert plain(r"\[free](https://example.org/x)") == r"\\\[free](<https://example.org/x)>"


@pytest.mark.parametrize(
    ("progress", "line"),
    [
        (None, "⬜⬜⬜⬜⬜⬜⬜⬜⬜⬜ 0 %"),
        (Progress(step=1, steps=20), "⬜⬜⬜⬜⬜⬜⬜⬜⬜⬜ 5 % · step 1 of 20"),
        (Progress(step=10, steps=20), "🟦🟦🟦🟦🟦⬜⬜⬜⬜⬜ 50 % · step 10 of 20"),
        (Progress(step=25, steps=20), "🟦🟦🟦🟦🟦🟦🟦🟦🟦🟦 100 % · step 20 of 20"),
    ],
)
def test_progress_is_a_bar_of_squares(progress: Progress | None, line: str) -> None:
    assert progress_line(progress).startswith(line)


@pytest.mark.parametrize(
    ("fields", "position", "sentence"),
    [
        ({}, 0, "In line, next."),
        ({}, 4, "In line, place 5, 4 before it."),
        ({"losses": 1, "attempt": 1}, 0, "A worker was lost; back in line, next."),
        ({"lease": Lease(worker="", until=at(60)), "attempt": 1}, 0, "Handed to a worker"),
        ({"state": JobState.RENDERING}, None, "a worker has begun"),
        ({"state": JobState.DELIVERED, "result": a_result(1)}, None, "Done"),
        ({"state": JobState.CANCELLED}, None, "Cancelled"),
        (
            {
                "state": JobState.FAILED,
                "failure": Failure(code="worker_lost", message="3 workers were lost."),
            },
            None,
            "`worker_lost`",
        ),
    ],
)
def test_every_state_has_its_line(
    fields: dict[str, object], position: int | None, sentence: str
) -> None:
    job = a_job(**fields)
    text = job_text(JobView(job=job, position=position), asker_id=1)
    assert sentence in text
    assert f"`{job.id}`" in text


def test_a_held_job_repeats_nothing_and_gives_no_reason() -> None:
    block = Block(stage="prompt", outcome="block", category="violence", rule="r")
    job = a_job(state=JobState.BLOCKED, block=block)
    text = job_text(JobView(job=job), asker_id=1)
    assert "fox" not in text
    assert "violence" not in text


def test_a_translation_is_shown_and_wakes_nobody() -> None:
    told = Translation(language="es", by="a book", positive=(WeightedPart.plain("un zorro"),))
    spec = a_spec("a **fox** @everyone", language="es", translation=told)
    lines = job_text(JobView(job=a_job(spec=spec)), asker_id=1).splitlines()
    shown = [line for line in lines if line.startswith("-# Drawn from Spanish as: ")]
    assert len(shown) == 1
    assert "**" not in shown[0]
    assert "@everyone" not in shown[0]


def test_a_held_job_does_not_show_its_translation() -> None:
    told = Translation(language="es", by="a book", positive=(WeightedPart.plain("un zorro"),))
    spec = a_spec("a fox", language="es", translation=told)
    block = Block(stage="prompt", outcome="block", category="x", rule="y")
    job = replace(a_job(spec=spec), state=JobState.BLOCKED, block=block)
    assert "fox" not in job_text(JobView(job=job), asker_id=1)


def a_card(job: Job, category: str = "nudity", score: float | None = None) -> ReviewCard:
    block = Block(stage="image", outcome="block", category=category, rule="r", score=score)
    review = Review(id=ReviewId("rev_1"), job_id=job.id, block=block, opened_at=NOW)
    return ReviewCard(review=review, job=replace(job, block=block))


@given(st.text(max_size=5000))
def test_a_card_always_fits_into_an_embed(prompt: str) -> None:
    embed = review_embed(a_card(a_job(request=a_request(prompt))), asker="<@1>")
    assert 1 <= len(embed.description or "") <= 4096
    assert len(embed) <= 6000
    assert all(field.value for field in embed.fields)


def test_a_card_says_when_release_is_not_possible() -> None:
    embed = review_embed(a_card(a_job(), category="child_safety"), asker="<@1>")
    assert "Release" in [field.name for field in embed.fields]


def test_askers_of_other_surfaces_are_named_by_account() -> None:
    assert asker_name(AccountId("api:shop"), None) == "`api:shop`"
    assert asker_name(AccountId("discord:5"), 5) == "<@5>"


def test_a_failed_job_names_no_folder_of_the_workers_host() -> None:
    failure = Failure(code="model_missing", message="There is no model folder at /home/ann/sdxl.")
    assert "/home" not in failure_sentence(failure)
    assert "`model_missing`" in failure_sentence(failure)
    unknown = Failure(code="from_the_future", message="see /home/ann")
    assert "/home" not in failure_sentence(unknown)


@pytest.mark.parametrize(
    ("p50_s", "p90_s", "said"),
    [
        (0.2, 3.1, "begins in about 1 s, at most 4 s"),
        (12, 61, "begins in about 20 s, at most 70 s"),
        (100, 5000, "begins in about 2 min, at most 84 min"),
        (6000, 9000, "begins in about 2 h, at most 3 h"),
    ],
)
def test_times_are_told_as_people_say_them(p50_s: float, p90_s: float, said: str) -> None:
    outlook = Outlook(position=2, p50_s=p50_s, p90_s=p90_s, why="Two jobs begin before it.")
    view = JobView(job=a_job(), position=2, outlook=outlook)
    assert f"In line, place 3, 2 before it; {said}." in job_text(view, asker_id=None)
    assert why_text(view) == f"`{view.job.id}`: Two jobs begin before it. It {said}."


@pytest.mark.parametrize("state", JobState)
def test_every_state_has_a_reason(state: JobState) -> None:
    assert why_text(JobView(job=replace(a_job(), state=state))).endswith(".")
