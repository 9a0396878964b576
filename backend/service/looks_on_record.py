"""What the audit log says of looking: who was shown what, and who took it away."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from backend.domain.jobs import Job
from backend.domain.removals import RemovalRequest, RequestId
from backend.domain.requests import AccountId
from backend.domain.reviews import Review
from backend.service.on_record import about_job
from safety.moderation.audit import LONGEST_VALUE, AuditEntry

_SEEN: Final = "seen"


def reviews_listed(moderator: AccountId, reviews: Sequence[Review], *, at: datetime) -> AuditEntry:
    """Return the entry for who was shown which held jobs."""
    return AuditEntry(
        action="review.listed",
        actor=moderator,
        subject="reviews",
        outcome=_SEEN,
        detail=_listed("reviews", [review.id for review in reviews]),
        at=at,
    )


def review_seen(moderator: AccountId, review: Review, *, at: datetime) -> AuditEntry:
    """Return the entry for a moderator who was shown one review: words, and whose they are."""
    return AuditEntry(
        action="review.viewed",
        actor=moderator,
        subject=f"review:{review.id}",
        outcome=_SEEN,
        detail={"job": review.job_id, "kind": review.kind},
        at=at,
    )


def removal_requests_listed(
    moderator: AccountId, requests: Sequence[RemovalRequest], *, at: datetime
) -> AuditEntry:
    """Return the entry for a moderator who was shown what people wrote, and how to reach them."""
    return AuditEntry(
        action="removal_request.listed",
        actor=moderator,
        subject="requests",
        outcome=_SEEN,
        detail=_listed("requests", [one.id for one in requests]),
        at=at,
    )


def safety_reports_listed(by: str, reports: Sequence[str], *, at: datetime) -> AuditEntry:
    """Return the entry for who was shown which reports there are of child safety."""
    return AuditEntry(
        action="child_safety.listed",
        actor=by,
        subject="safety_reports",
        outcome=_SEEN,
        detail=_listed("reports", reports),
        at=at,
    )


def people_exported(by: str, *, after: int, at: datetime) -> AuditEntry:
    """Return the entry for who took the log away with people's ids in it."""
    return AuditEntry(
        action="audit.exported",
        actor=by,
        subject="audit",
        outcome=_SEEN,
        detail={"after": str(after)},
        at=at,
    )


def job_seen(moderator: AccountId, job: Job, *, at: datetime) -> AuditEntry:
    """Return the entry for a moderator who looks at somebody's job, its pictures' links included.

    They work for an hour, and only what was delivered has any.
    """
    return AuditEntry(
        action="job.viewed",
        actor=moderator,
        subject=about_job(job.id),
        outcome=_SEEN,
        detail={"account": job.request.requester.account_id, "state": job.state},
        at=at,
    )


def picture_looked_at(
    moderator: AccountId, review: Review, *, is_veiled: bool, at: datetime
) -> AuditEntry:
    """Return the entry for a moderator who looks at the picture of a report, veiled or clear."""
    return AuditEntry(
        action="picture.viewed",
        actor=moderator,
        subject=f"review:{review.id}",
        outcome=_SEEN,
        detail={
            "job": review.job_id,
            "picture": str(review.picture_index),
            "view": "veiled" if is_veiled else "clear",
        },
        at=at,
    )


def removal_request_seen(by: AccountId, request_id: RequestId, *, at: datetime) -> AuditEntry:
    """Return the entry for a moderator's look at a request for removal."""
    return AuditEntry(
        action="removal_request.seen",
        actor=by,
        subject=f"request:{request_id}",
        outcome=_SEEN,
        at=at,
    )


def _listed(name: str, ids: Sequence[str]) -> dict[str, str]:
    """Return how many and which, however many: `reviews`, `reviews_2`, … as values have an end."""
    rows = [""]
    for one in ids:
        row = f"{rows[-1]} {one}".strip()
        if len(row) <= LONGEST_VALUE:
            rows[-1] = row
        else:
            rows.append(one)
    told = {name if place == 1 else f"{name}_{place}": row for place, row in enumerate(rows, 1)}
    return {"count": str(len(ids)), **told}
