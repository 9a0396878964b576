"""The audit reads back what the stores have written, on both databases."""

from backend.db.audit import SqlAudit
from backend.db.sessions import Database
from backend.db.stores import SqlJobStore
from backend.domain.events import JobEventKind
from tests.builders import a_birth, a_job, at


async def test_the_audit_tells_jobs_leases_and_events_as_they_are_committed(database: Database):
    jobs, audit = SqlJobStore(database=database), SqlAudit(database=database)
    waiting, sent = a_job(seed=1), a_job(seed=2)
    for job in (waiting, sent):
        await jobs.add(a_birth(job), fingerprint="")
    await jobs.change(sent.id, lambda row: row.dispatch(now=at(1), until=at(60)))

    assert [job.id for job in await audit.jobs()] == [waiting.id, sent.id]
    assert [job.id for job in await audit.leased()] == [sent.id]
    assert await audit.find_by_seed(1) == [waiting.id]
    events = await audit.events()
    assert [(stored.event.job_id, stored.event.kind) for stored in events] == [
        (waiting.id, JobEventKind.QUEUED),
        (sent.id, JobEventKind.QUEUED),
        (sent.id, JobEventKind.DISPATCHED),
    ]
    assert await audit.events(after=events[1].sequence) == events[2:]
    assert await audit.untold() == {waiting.id, sent.id}
    await jobs.mark_published([events[0].sequence])
    assert await audit.untold() == {sent.id}
