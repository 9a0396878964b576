"""What follows a child safety finding, told by synthetic reports."""

from datetime import timedelta

import pytest
from pydantic import TypeAdapter

from backend.contracts import KnownCopy, RenderBlocked
from backend.domain.child_safety import Basis, SafetyReport, SafetyReportState
from backend.domain.errors import (
    AccountBanned,
    AccountFrozen,
    BadInput,
    SafetyReportNotFound,
    Unavailable,
)
from backend.domain.jobs import JobState
from backend.service.reports import Reports
from backend.service.safety_reports import SafetyReports
from tests.builders import a_request, a_requester
from tests.fakes.child_safety import MemorySafetyReportStore
from tests.fakes.moderation import MemoryStandingStore, make_moderators
from tests.fakes.services import FakeWorkshop

EVIDENCE = "quarantine/sealed/gen-1/0.sealed"


class Desk:
    """A workshop whose workers report, and what is on file there."""

    def __init__(self) -> None:
        self.workshop = FakeWorkshop()
        workshop = self.workshop
        self.store = MemorySafetyReportStore(memory=workshop.memory)
        self.reports = Reports(
            jobs=workshop.jobs,
            events=workshop.events,
            outbox=workshop.outbox,
            clock=workshop.now,
            child_safety=workshop.child_safety,
        )
        self.standings = MemoryStandingStore(memory=workshop.memory)
        self.file = SafetyReports(
            store=self.store,
            standings=self.standings,
            audit=workshop.audit,
            moderators=make_moderators(memory=workshop.memory, clock=workshop.now),
            clock=workshop.now,
        )

    async def a_job(self, prompt: str = "zqage1 zqsex1"):
        job = (await self.workshop.services.generations.submit(a_request(prompt))).job
        until = self.workshop.now() + timedelta(seconds=60)
        await self.workshop.jobs.change(
            job.id, lambda row: row.dispatch(now=self.workshop.now(), until=until)
        )
        return job

    async def tell(self, job, *, category: str = "child_safety", attempt: int = 1):
        await self.reports.apply(
            RenderBlocked(
                job_id=job.id,
                attempt=attempt,
                worker="w",
                outcome="block",
                category=category,
                rule="known.test-bank",
                match=KnownCopy(
                    list_name="test-bank", entry="entry-1", distance=5, fingerprint="ab" * 32
                ),
                evidence=(EVIDENCE,),
            )
        )

    def recorded(self, action: str):
        return [entry for entry in self.workshop.memory.audit if entry.action == action]


async def test_a_finding_is_on_file_the_account_frozen_and_its_other_work_ended():
    desk = Desk()
    found, other = await desk.a_job(), await desk.a_job("a lighthouse")
    await desk.tell(found)

    (report,) = await desk.file.all(by="operator:ann")
    assert (report.id, report.account_id) == (found.id, found.request.requester.account_id)
    assert (report.list_name, report.entry, report.distance) == ("test-bank", "entry-1", 5)
    assert report.evidence == (EVIDENCE,)
    assert report.state is SafetyReportState.TO_REPORT
    states = {
        job.id: job.state for job in (await desk.workshop.jobs.many([found.id, other.id])).values()
    }
    assert states == {found.id: JobState.BLOCKED, other.id: JobState.CANCELLED}
    assert other.id in desk.workshop.cancel_flags.raised
    with pytest.raises(AccountFrozen):
        await desk.workshop.services.generations.submit(a_request())
    (entry,) = desk.recorded("child_safety.found")
    assert entry.detail["list"] == "test-bank"


async def test_the_one_whose_account_it_is_is_told_nothing_of_why():
    desk = Desk()
    await desk.tell(await desk.a_job())
    with pytest.raises(AccountFrozen) as refused:
        await desk.workshop.services.generations.submit(a_request())
    told = f"{refused.value} {refused.value.way_out}".lower()
    for word in ("child", "match", "bank", "known", "report"):
        assert word not in told


async def test_what_is_told_twice_is_on_file_once():
    desk = Desk()
    job = await desk.a_job()
    await desk.tell(job)
    await desk.tell(job)
    assert len(await desk.file.all(by="operator:ann")) == 1
    assert len(desk.recorded("child_safety.found")) == 1


async def test_a_finding_counts_even_where_its_attempt_was_overtaken():
    desk = Desk()
    await desk.tell(await desk.a_job(), attempt=9)
    assert len(await desk.file.all(by="operator:ann")) == 1


async def test_any_other_block_is_nobodys_to_report():
    desk = Desk()
    await desk.tell(await desk.a_job(), category="sexual")
    assert await desk.file.all(by="operator:ann") == []
    await desk.workshop.services.generations.submit(a_request())


async def test_marking_a_report_preserves_it_for_a_year_and_is_on_record():
    desk = Desk()
    job = await desk.a_job()
    await desk.tell(job)
    marked = await desk.file.mark_reported(job.id, "T-77", by="operator:ann")
    assert (marked.state, marked.reported_as) == (SafetyReportState.REPORTED, "T-77")
    assert marked.preserved_until - marked.reported_at == timedelta(days=365)
    assert [entry.actor for entry in desk.recorded("child_safety.reported")] == ["operator:ann"]
    assert (await desk.file.get(job.id, by="operator:ann")) == marked
    assert len(desk.recorded("child_safety.seen")) == 1


async def test_a_report_nobody_made_is_told_so():
    with pytest.raises(SafetyReportNotFound):
        await Desk().file.mark_reported("gen_9", "T-1", by="operator:ann")


async def test_an_account_is_let_in_when_no_finding_stands_any_more():
    desk = Desk()
    first, second = await desk.a_job(), await desk.a_job("a lighthouse")
    await desk.tell(first)
    await desk.tell(second, attempt=9)
    account_id = first.request.requester.account_id
    standings = desk.workshop.services.moderation.standings
    for job, is_frozen in ((first, True), (second, False)):
        released = await desk.file.release(job.id, by="operator:ann", reason="withdrawn")
        assert (released.released_by, released.release_reason) == ("operator:ann", "withdrawn")
        assert (await standings.standing_of(account_id)).is_frozen is is_frozen
    assert [entry.actor for entry in desk.recorded("child_safety.released")] == [
        "operator:ann",
        "operator:ann",
    ]
    (let_in,) = desk.recorded("account.thawed")
    assert (let_in.actor, let_in.outcome) == ("operator:ann", "let_in")
    # What ended with the freeze stays ended, and what was held is not drawn.
    jobs = await desk.workshop.jobs.many([first.id, second.id])
    assert {job.state for job in jobs.values()} == {JobState.BLOCKED, JobState.CANCELLED}


async def test_what_was_found_wrong_freezes_nobody_when_it_is_told_again():
    desk = Desk()
    job = await desk.a_job()
    await desk.tell(job)
    await desk.file.release(job.id, by="operator:ann", reason="withdrawn")
    await desk.tell(job)
    await desk.workshop.services.generations.submit(a_request())
    assert len(desk.recorded("child_safety.found")) == 1


async def test_a_ban_and_strikes_outlive_the_freeze():
    desk = Desk()
    job = await desk.a_job()
    account_id = job.request.requester.account_id
    standings = desk.workshop.services.moderation.standings
    await standings.ban(account_id, reason="spam", by=a_requester("mod", is_moderator=True))
    await desk.tell(job)
    await desk.file.release(job.id, by="operator:ann", reason="withdrawn")
    with pytest.raises(AccountBanned):
        await desk.workshop.services.generations.submit(a_request())


@pytest.mark.parametrize("reason", ["", "  ", "x" * 501])
async def test_nothing_is_released_without_a_reason(reason: str):
    desk = Desk()
    job = await desk.a_job()
    await desk.tell(job)
    with pytest.raises(BadInput, match="reason"):
        await desk.file.release(job.id, by="operator:ann", reason=reason)
    assert not (await desk.file.all(by="operator:ann"))[0].is_released


async def test_a_finding_that_comes_in_during_the_release_leaves_the_account_frozen():
    desk = Desk()
    first, second = await desk.a_job(), await desk.a_job("a lighthouse")
    await desk.tell(first)
    thaw = desk.standings.change

    async def slow(*arguments, **named):
        desk.standings.change = thaw
        await desk.tell(second, attempt=9)
        return await thaw(*arguments, **named)

    desk.standings.change = slow
    await desk.file.release(first.id, by="operator:ann", reason="withdrawn")
    with pytest.raises(AccountFrozen):
        await desk.workshop.services.generations.submit(a_request())


async def test_nothing_is_released_while_the_log_is_away():
    desk = Desk()
    job = await desk.a_job()
    await desk.tell(job)
    desk.workshop.memory.is_audit_away = True
    with pytest.raises(Unavailable):
        await desk.file.release(job.id, by="operator:ann", reason="withdrawn")
    desk.workshop.memory.is_audit_away = False
    assert not (await desk.file.all(by="operator:ann"))[0].is_released


def test_a_report_of_an_older_release_still_parses():
    stored = {
        "id": "gen_1",
        "account_id": "discord:1",
        "found_at": "2026-11-01T00:00:00Z",
        "rule": "known.test-bank",
        "list_name": "test-bank",
        "entry": "e",
        "distance": 3,
        "fingerprint": "ab",
        "evidence": [],
        "state": "to_report",
    }
    report = TypeAdapter(SafetyReport).validate_python(stored, strict=False)
    assert (report.basis, report.is_released) == (Basis.LIST, False)
