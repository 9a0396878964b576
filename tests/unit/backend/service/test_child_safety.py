"""What follows a child safety finding, told by synthetic reports."""

from datetime import timedelta

import pytest

from backend.contracts import KnownCopy, RenderBlocked
from backend.domain.child_safety import SafetyReportState
from backend.domain.errors import AccountFrozen, BadInput
from backend.domain.jobs import JobState
from backend.service.child_safety import ChildSafety, SafetyReports
from backend.service.reports import Reports
from tests.builders import a_request
from tests.fakes.child_safety import MemorySafetyReportStore
from tests.fakes.services import FakeWorkshop

EVIDENCE = "quarantine/sealed/gen-1/0.sealed"


class Desk:
    """A workshop whose workers report, and what is on file there."""

    def __init__(self) -> None:
        self.workshop = FakeWorkshop()
        self.store = MemorySafetyReportStore()
        workshop = self.workshop
        self.reports = Reports(
            jobs=workshop.jobs,
            events=workshop.events,
            outbox=workshop.outbox,
            clock=workshop.now,
            child_safety=ChildSafety(
                store=self.store,
                standings=workshop.services.moderation.standings,
                audit=workshop.audit,
            ),
        )
        self.file = SafetyReports(store=self.store, audit=workshop.audit, clock=workshop.now)

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

    (report,) = await desk.file.all()
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
    assert len(await desk.file.all()) == 1
    assert len(desk.recorded("child_safety.found")) == 1


async def test_a_finding_counts_even_where_its_attempt_was_overtaken():
    desk = Desk()
    await desk.tell(await desk.a_job(), attempt=9)
    assert len(await desk.file.all()) == 1


async def test_any_other_block_is_nobodys_to_report():
    desk = Desk()
    await desk.tell(await desk.a_job(), category="sexual")
    assert await desk.file.all() == []
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
    with pytest.raises(BadInput, match="gen_9"):
        await Desk().file.mark_reported("gen_9", "T-1", by="operator:ann")
