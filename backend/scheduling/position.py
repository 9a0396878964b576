"""Where a job stands in its line; what a store's SQL must agree with."""

from collections.abc import Iterable

from backend.domain.jobs import Job, JobState


def jobs_ahead(job: Job, rows: Iterable[Job]) -> int:
    """Count the jobs of the same family and tier that came before `job` and have not started."""
    return sum(
        1
        for row in rows
        if row.state is JobState.QUEUED
        and row.created_at < job.created_at
        and (row.spec.family, row.spec.tier) == (job.spec.family, job.spec.tier)
    )
