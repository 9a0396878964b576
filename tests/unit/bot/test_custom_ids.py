"""The grammar of button ids."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.domain.jobs import JobState
from backend.service.generations import new_job_id
from bot.views.custom_ids import (
    CUSTOM_ID_CHARACTERS,
    job_custom_id,
    job_pattern,
    review_custom_id,
    review_pattern,
)
from bot.views.result_buttons import buttons_for
from tests.builders import a_job, a_result

IDS = st.from_regex(r"[A-Za-z0-9_-]{1,64}", fullmatch=True)


@given(IDS, st.integers(min_value=0, max_value=99))
def test_a_job_button_reads_back_what_was_written(job_id: str, index: int) -> None:
    custom_id = job_custom_id("vary", job_id, index)
    match = re.fullmatch(job_pattern("vary"), custom_id)
    assert match is not None
    assert (match["job_id"], int(match["index"])) == (job_id, index)
    assert len(custom_id) <= CUSTOM_ID_CHARACTERS
    assert re.fullmatch(job_pattern("pick"), custom_id) is None


@given(IDS)
def test_a_review_button_reads_back_what_was_written(review_id: str) -> None:
    match = re.fullmatch(review_pattern("keep"), review_custom_id("keep", review_id))
    assert match is not None
    assert match["review_id"] == review_id


def test_real_job_ids_fit_the_grammar() -> None:
    custom_id = job_custom_id("reroll", new_job_id())
    assert re.fullmatch(job_pattern("reroll"), custom_id)


def test_an_id_too_long_for_discord_is_a_bug() -> None:
    with pytest.raises(ValueError, match="custom_id of"):
        job_custom_id("vary", "x" * 100)


@pytest.mark.parametrize("count", [2, 3, 4])
async def test_fewer_pictures_have_fewer_buttons(count: int) -> None:
    view = buttons_for(a_job(state=JobState.DELIVERED, result=a_result(count)))
    assert view is not None
    assert len(view.children) == 2 * count + 2


async def test_a_picture_by_itself_has_the_buttons_to_work_on_it() -> None:
    view = buttons_for(a_job(state=JobState.DELIVERED, result=a_result(1)))
    assert view is not None
    ids = [str(getattr(child, "custom_id", "")) for child in view.children]
    assert len(ids) == len(set(ids)) > 3
    assert any(":reroll:" in one for one in ids)
    assert any(":zoom-2x:" in one for one in ids)


async def test_a_held_job_has_no_buttons() -> None:
    assert buttons_for(a_job(state=JobState.BLOCKED)) is None
