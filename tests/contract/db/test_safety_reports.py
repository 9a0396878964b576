"""What every `SafetyReportStore` promises."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from backend.db.sessions import Database
from backend.db.stores import SqlSafetyReportStore
from backend.domain.child_safety import Basis, SafetyReport, SafetyReportState
from backend.domain.jobs import Block, JobState
from backend.domain.requests import AccountId
from backend.service.child_safety import SafetyReportStore
from tests.builders import a_birth, a_job, at
from tests.contract.db.conftest import Stores
from tests.fakes.child_safety import MemorySafetyReportStore


@pytest.fixture
async def store(store_url: str | None) -> AsyncIterator[SafetyReportStore]:
    if store_url is None:
        yield MemorySafetyReportStore()
        return
    database = Database(store_url)
    yield SqlSafetyReportStore(database=database)
    await database.close()


def a_report(id_: str = "gen_1", *, found_s: int = 0) -> SafetyReport:
    return SafetyReport(
        id=id_,
        account_id=AccountId("discord:1"),
        found_at=at(found_s),
        rule="known.bank",
        list_name="bank",
        entry="entry-1",
        distance=7,
        fingerprint="ab" * 32,
        evidence=("quarantine/sealed/gen_1-1/0.sealed",),
    )


async def test_what_is_on_file_is_kept_as_it_was(store: SafetyReportStore):
    assert await store.get("gen_1") is None
    assert await store.add(a_report())
    assert await store.get("gen_1") == a_report()


async def test_a_finding_is_on_file_once(store: SafetyReportStore):
    assert await store.add(a_report())
    assert not await store.add(a_report(found_s=9))
    assert await store.all() == [a_report()]


async def test_reports_are_told_oldest_first(store: SafetyReportStore):
    for id_, found_s in (("b", 2), ("a", 5), ("c", 1)):
        await store.add(a_report(id_, found_s=found_s))
    assert [one.id for one in await store.all()] == ["c", "b", "a"]


async def test_a_report_that_was_made_is_preserved_for_a_year(store: SafetyReportStore):
    await store.add(a_report())
    changed = await store.change("gen_1", lambda old: old.reported("T-77", now=at(60)))
    assert changed == await store.get("gen_1")
    assert (changed.state, changed.reported_as) == (SafetyReportState.REPORTED, "T-77")
    assert (changed.preserved_until - at(60)).days == 365
    again = await store.change("gen_1", lambda old: old.reported("T-78", now=at(90)))
    assert again == changed


async def test_a_report_nobody_made_is_not_changed(store: SafetyReportStore):
    assert await store.change("gen_9", lambda old: old) is None


async def test_an_accounts_reports_are_told_apart_from_others(store: SafetyReportStore):
    await store.add(a_report("b", found_s=2))
    await store.add(a_report("a", found_s=1))
    await store.add(replace(a_report("c"), account_id=AccountId("discord:2")))
    assert [one.id for one in await store.of_account(AccountId("discord:1"))] == ["a", "b"]
    assert await store.of_account(AccountId("discord:3")) == []


async def test_words_are_on_file_with_the_jobs_they_stand_for(stores: Stores):
    block = Block(stage="prompt", outcome="block", category="child_safety", rule="words.test")
    held = a_job(state=JobState.BLOCKED, block=block)
    await stores.jobs.add(a_birth(held), fingerprint="f")
    (report,) = await stores.safety_reports.all()
    assert (report.id, report.basis, report.rule) == (held.id, Basis.WORDS, "words.test")
    told = [entry for entry in await stores.recorded() if entry.action == "child_safety.found"]
    assert [entry.subject for entry in told] == [f"job:{held.id}"]
    other = a_job(state=JobState.BLOCKED, block=replace(block, category="hate"))
    await stores.jobs.add(a_birth(other), fingerprint="f")
    assert len(await stores.safety_reports.all()) == 1
