"""What the audit log says of decisions: the entries that go with changes, reviews and keys."""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime

from backend.domain.accounts import ApiKey
from backend.domain.events import JobEventKind
from backend.domain.jobs import Block, Change, Job
from backend.domain.policies import PolicyRevision
from backend.domain.removals import Removal, RemovalId, RemovalPlace, RemovalRequest
from backend.domain.requests import AccountId, JobId
from backend.domain.results import ImageVariant
from backend.domain.reviews import Decision, Review, ReviewId, is_own
from backend.service.moderation_ports import Complaint
from safety.moderation.audit import AuditEntry
from safety.policy import Policy

# Whoever has a shell on the host, and what nobody asked for.
OPERATOR = "operator"
HOUSE = "impasto"

PROMPT_SCREENED = "prompt.screened"
PICTURE_SCREENED = "picture.screened"
UPLOAD_SCREENED = "upload.screened"


def about_job(job_id: JobId) -> str:
    """Return how the log calls a job."""
    return f"job:{job_id}"


def about_account(account_id: AccountId) -> str:
    """Return how the log calls an account."""
    return f"account:{account_id}"


def entries_of(change: Change) -> tuple[AuditEntry, ...]:
    """Return what goes on record with a job's change: verdicts on its prompt and its pictures."""
    job = change.job
    match change.event.kind:
        case JobEventKind.BLOCKED if job.block is not None:
            return (_held(change, job.block),)
        case JobEventKind.QUEUED:
            return (_verdict(change, PROMPT_SCREENED, "allow", {}),)
        case JobEventKind.DELIVERED:
            return (_verdict(change, PICTURE_SCREENED, "allow", _pictures(job)),)
        case _:
            return ()


def opening(review_id: ReviewId, change: Change) -> AuditEntry:
    """Return the entry for a review that a held job opens."""
    return AuditEntry(
        action="review.opened",
        actor=HOUSE,
        subject=f"review:{review_id}",
        outcome=Decision.OPEN,
        detail={"job": change.job.id, "category": change.event.detail},
        at=change.event.at,
    )


def decision(review: Review, job: Job) -> AuditEntry:
    """Return the entry for what became of a review: a moderator's decision, or an appeal."""
    detail = {
        "job": review.job_id,
        "stage": review.block.stage,
        "category": review.block.category,
        "rule": review.block.rule,
    }
    if review.is_open and review.appeal is not None:
        return AuditEntry(
            action="review.appealed",
            actor=job.request.requester.account_id,
            subject=f"review:{review.id}",
            outcome=review.decision,
            detail=detail,
            at=review.appeal.at,
        )
    return AuditEntry(
        action=f"review.{review.decision}",
        actor=review.decided_by or HOUSE,
        subject=f"review:{review.id}",
        outcome=review.decision,
        detail=detail
        | {
            "appealed": "yes" if review.appeal else "no",
            "own": "yes" if is_own(review, job) else "no",
        },
        at=review.decided_at,
    )


def upload_screened(
    account_id: AccountId,
    outcome: str,
    policy: Policy,
    *,
    sha256: str,
    at: datetime,
    category: str = "",
) -> AuditEntry:
    """Return the entry for the verdict on a picture that was handed in."""
    detail = {"policy": policy.id, "policy_version": policy.version}
    return AuditEntry(
        action=UPLOAD_SCREENED,
        actor=account_id,
        subject=f"upload:{sha256}",
        outcome=outcome,
        detail=detail | ({"category": category} if category else {}),
        at=at,
    )


def report(review: Review, complaint: Complaint) -> AuditEntry:
    """Return the entry for a member's report of a picture."""
    return AuditEntry(
        action="picture.reported",
        actor=complaint.account_id,
        subject=f"review:{review.id}",
        outcome=review.decision,
        detail={"job": review.job_id, "picture": str(complaint.picture_index)},
        at=complaint.at,
    )


def removal_begun(removal: Removal) -> AuditEntry:
    """Return the entry for a picture that is to be removed everywhere."""
    return AuditEntry(
        action="picture.removal_begun",
        actor=removal.by,
        subject=f"removal:{removal.id}",
        outcome="begun",
        detail={
            "job": removal.job_id,
            "picture": str(removal.picture_index),
            "places": str(len(removal.places)),
        },
        at=removal.at,
    )


def removal_confirmed(
    removal_id: RemovalId, place: RemovalPlace, proof: str, *, at: datetime
) -> AuditEntry:
    """Return the entry for a place from which a picture is gone."""
    return AuditEntry(
        action="picture.removed",
        actor=HOUSE,
        subject=f"removal:{removal_id}",
        outcome="gone",
        detail={"kind": place.kind, "place": place.name, "proof": proof},
        at=at,
    )


def removal_requested(request: RemovalRequest) -> AuditEntry:
    """Return the entry for somebody's wish that a picture be removed; nothing of who they are."""
    return AuditEntry(
        action="removal.requested",
        actor="public",
        subject=f"request:{request.id}",
        outcome="open",
        detail={"matches": str(request.matches), "due": request.due_at.isoformat()},
        at=request.at,
    )


def standing(
    action: str,
    account_id: AccountId,
    *,
    actor: str,
    outcome: str,
    ended: Sequence[JobId] = (),
    detail: Mapping[str, str] | None = None,
) -> AuditEntry:
    """Return the entry for what was decided of an account: `account.banned` and the like."""
    own = {"own": "yes"} if actor == account_id else {}
    return AuditEntry(
        action=action,
        actor=actor,
        subject=about_account(account_id),
        outcome=outcome,
        detail={"ended_jobs": str(len(ended)), **own, **(detail or {})},
    )


def job_cancelling(moderator: AccountId, job: Job, *, at: datetime) -> AuditEntry:
    """Return the entry for a moderator who ends somebody's job."""
    return AuditEntry(
        action="job.cancelling",
        actor=moderator,
        subject=about_job(job.id),
        outcome="changed",
        detail={"account": job.request.requester.account_id, "state": job.state},
        at=at,
    )


def cards_channel(
    moderator: AccountId, guild_id: int, channel_id: int | None, *, at: datetime
) -> AuditEntry:
    """Return the entry for who chose where a guild's cards appear, or that none do."""
    return AuditEntry(
        action="cards.channel_chosen",
        actor=moderator,
        subject=f"guild:{guild_id}",
        outcome="removed" if channel_id is None else "changed",
        detail={} if channel_id is None else {"channel": str(channel_id)},
        at=at,
    )


def moderation_refused(moderator: AccountId, why: str, *, at: datetime) -> AuditEntry:
    """Return the entry for a moderator who may not decide: a sanction's kind, or `own_case`."""
    return AuditEntry(
        action="moderation.refused",
        actor=moderator,
        subject=about_account(moderator),
        outcome=why,
        at=at,
    )


def key_made(key: ApiKey) -> AuditEntry:
    """Return the entry for a new API key; nothing of its secret."""
    return AuditEntry(
        action="key.made",
        actor=OPERATOR,
        subject=f"key:{key.id}",
        outcome="made",
        detail={"account": key.account_id},
        at=key.created_at,
    )


def key_revoked(key: ApiKey) -> AuditEntry:
    """Return the entry for an API key that stops to work."""
    return AuditEntry(
        action="key.revoked",
        actor=OPERATOR,
        subject=f"key:{key.id}",
        outcome="revoked",
        detail={"account": key.account_id},
        at=key.revoked_at,
    )


def policy_change(revision: PolicyRevision, *, actor: str = "") -> AuditEntry:
    """Return the entry for a guild's policy; what it says stays in the history of policies.

    `actor` is the account that decided; without one an operator did, by the name they gave.
    """
    is_set = revision.document is not None
    digest = hashlib.sha256((revision.document or "").encode()).hexdigest()
    return AuditEntry(
        action="policy.set" if is_set else "policy.unset",
        actor=actor or f"{OPERATOR}:{revision.author}",
        subject=f"guild:{revision.guild_id}",
        outcome="set" if is_set else "unset",
        detail={"version": str(revision.version), **({"sha256": digest} if is_set else {})},
        at=revision.at,
    )


def _held(change: Change, block: Block) -> AuditEntry:
    detail = {"category": block.category, "rule": block.rule}
    if block.score is not None:
        detail["score"] = f"{block.score:.4f}"
    action = PICTURE_SCREENED if block.stage == "image" else PROMPT_SCREENED
    return _verdict(change, action, block.outcome, detail)


def _verdict(change: Change, action: str, outcome: str, detail: dict[str, str]) -> AuditEntry:
    """Return the entry for what was found about a job; whose it is stands as its account."""
    job = change.job
    asker = job.request.requester.account_id
    is_prompt = action == PROMPT_SCREENED
    judgement = job.judgement if is_prompt else job.picture_judgement
    if judgement is not None:
        detail = {**detail, "policy": judgement.policy, "policy_version": judgement.version}
    return AuditEntry(
        action=action,
        actor=asker if is_prompt else HOUSE,
        subject=about_job(job.id),
        outcome=outcome,
        detail=(detail if is_prompt else {"account": asker, "attempt": str(job.attempt), **detail}),
        at=change.event.at,
    )


def _pictures(job: Job) -> dict[str, str]:
    """Name every file that leaves by its bytes, and what a moderator had cleared them for."""
    told = {f"sha256_{image.index}": image.sha256 for image in job.images}
    told |= {
        f"sha256_{image.index}_{variant}": sha256
        for image in job.images
        for variant, sha256 in image.digests.items()
        if variant is not ImageVariant.ORIGINAL
    }
    if job.clearances:
        told["cleared"] = ",".join(job.clearances)
    return told
