"""`impasto reports` over a database of its own."""

import asyncio
import json
from pathlib import Path

import pytest

from backend.bootstrap.servers import open_database
from backend.cli import main
from backend.db.stores import SqlAuditLog, SqlSafetyReportStore, SqlStandingStore
from backend.domain.requests import AccountId
from backend.domain.standing import Sanction
from backend.settings import Settings
from safety.moderation.audit import AuditEntry
from tests.builders import NOW, a_listed_finding

REPORT = a_listed_finding()


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("IMPASTO_HOME", str(tmp_path))
    return tmp_path


def told(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert main(["reports", *words]) == 0
    return capsys.readouterr().out


def test_findings_are_listed_shown_and_marked(home: Path, capsys: pytest.CaptureFixture[str]):
    assert "nothing to report" in told(capsys, "list")

    async def put_on_file() -> None:
        async with open_database(Settings()) as database:
            await SqlSafetyReportStore(database=database).add(REPORT)

    asyncio.run(put_on_file())
    assert "to_report" in told(capsys, "list")
    assert "list_name: test-bank" in told(capsys, "show", "gen_1")
    marked = json.loads(told(capsys, "mark-reported", "gen_1", "T-77", "--json"))
    assert (marked["state"], marked["reported_as"]) == ("reported", "T-77")
    assert [one["id"] for one in json.loads(told(capsys, "list", "--json"))] == ["gen_1"]

    async def on_record() -> list[str]:
        async with open_database(Settings()) as database:
            log = SqlAuditLog(database=database)
            return [
                action
                for action in ("child_safety.seen", "child_safety.reported")
                if await log.last(action, "job:gen_1")
            ]

    assert len(asyncio.run(on_record())) == 2


def test_a_report_nobody_made_is_refused(home: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["reports", "show", "gen_9"]) != 0
    assert capsys.readouterr().err.startswith("safety_report_not_found: ")


def test_a_released_finding_lets_its_account_in_again(
    home: Path, capsys: pytest.CaptureFixture[str]
):
    async def freeze() -> None:
        async with open_database(Settings()) as database:
            await SqlSafetyReportStore(database=database).add(REPORT)
            await SqlStandingStore(database=database).change(
                REPORT.account_id,
                lambda old: old.frozen(Sanction(reason="x", by=AccountId("house"), at=NOW)),
                record=lambda _standing, _ended: AuditEntry(
                    action="account.frozen", actor="house", subject="x", outcome="frozen"
                ),
            )

    async def standing() -> tuple[bool, str]:
        async with open_database(Settings()) as database:
            log = SqlAuditLog(database=database)
            found = await SqlStandingStore(database=database).get(REPORT.account_id)
            entry = await log.last("child_safety.released", "job:gen_1")
            return found.is_frozen, entry.detail["reason"] if entry else ""

    assert told(capsys, "list")
    asyncio.run(freeze())
    assert asyncio.run(standing()) == (True, "")
    shown = json.loads(told(capsys, "release", "gen_1", "--reason", "withdrawn", "--json"))
    assert shown["release_reason"] == "withdrawn"
    assert asyncio.run(standing()) == (False, "withdrawn")
    assert "released" in told(capsys, "list")
