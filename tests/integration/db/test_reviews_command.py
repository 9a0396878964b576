"""`impasto reviews` and what `impasto doctor` says of it, over a database of its own."""

import asyncio
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from backend.bootstrap.servers import now, open_database
from backend.cli import main
from backend.db.migrate import upgrade
from backend.db.stores import SqlJobStore, SqlReviewStore
from backend.domain.jobs import Block, JobState
from backend.domain.requests import AccountId
from backend.domain.reviews import APPEAL_ANSWERED_WITHIN, Decision
from backend.settings import Settings
from tests.builders import a_birth, a_job

BLOCK = Block(stage="image", outcome="block", category="nudity", rule="nsfw.two")
MODERATOR = AccountId("discord:mod")


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("IMPASTO_HOME", str(tmp_path))
    settings = Settings()
    upgrade(settings.database)
    return settings


def told(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    main(list(words))
    return capsys.readouterr().out


async def decide(settings: Settings, *decisions: Decision, late: bool = False) -> None:
    """Hold a job for each decision; one that stays open is appealed against, maybe long ago."""
    moment = now() - (APPEAL_ANSWERED_WITHIN + timedelta(hours=1) if late else timedelta(0))
    async with open_database(settings) as database:
        reviews, jobs = SqlReviewStore(database=database), SqlJobStore(database=database)
        for decision in decisions:
            job = await jobs.add(
                a_birth(a_job(state=JobState.BLOCKED, block=BLOCK, created_at=moment)),
                fingerprint="f",
            )
            [review] = await reviews.of_job(job.id)
            changed = (
                review.appealed("why", now=moment)
                if decision is Decision.OPEN
                else review.decided(decision, by=MODERATOR, now=moment)
            )
            await reviews.decide(review.id, lambda _, changed=changed: changed, None)


def reviews_of_doctor(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    found = json.loads(told(capsys, "doctor", "--json"))
    return next(one for one in found if one["name"] == "reviews")


def test_rules_are_told_with_what_their_precision_may_be(
    settings: Settings, capsys: pytest.CaptureFixture[str]
):
    assert "Nothing was held" in told(capsys, "reviews", "rules")
    kept = [Decision.KEPT] * 8
    asyncio.run(decide(settings, *kept, Decision.RELEASED, Decision.RELEASED, Decision.OPEN))
    [rule] = json.loads(told(capsys, "reviews", "rules", "--json"))
    assert (rule["rule"], rule["held"], rule["open"]) == ("nsfw.two", 11, 1)
    assert (rule["upheld"], rule["overturned"], rule["precision"]) == (8, 2, 0.8)
    assert rule["interval"] == pytest.approx([0.4902, 0.9433], abs=1e-4)
    assert "0.80 (0.49 to 0.94)" in told(capsys, "reviews", "rules")


def test_what_waits_is_counted_and_the_doctor_notes_what_is_overdue(
    settings: Settings, capsys: pytest.CaptureFixture[str]
):
    assert reviews_of_doctor(capsys)["level"] == "ok"
    asyncio.run(decide(settings, Decision.OPEN))
    assert reviews_of_doctor(capsys)["message"] == "open: 1 appeal"
    asyncio.run(decide(settings, Decision.OPEN, late=True))
    waiting = {one["kind"]: one for one in json.loads(told(capsys, "reviews", "waiting", "--json"))}
    assert (waiting["appeal"]["open"], waiting["appeal"]["overdue"]) == (2, 1)
    assert waiting["appeal"]["oldest_s"] == pytest.approx(73 * 3600, abs=600)
    assert "2 open    1 overdue, the oldest for 73.0 h" in told(capsys, "reviews", "waiting")
    finding = reviews_of_doctor(capsys)
    assert (finding["level"], finding["message"]) == ("note", "overdue: 1 appeal (open: 2 appeal)")
