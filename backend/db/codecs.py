"""Domain objects to columns and back.

What is stored is read again by later releases: a new field needs a default, and a field that goes
is ignored when read. Samples of what older releases wrote are kept under tests/ and must parse.
"""

from typing import Annotated, Any, TypeVar

from pydantic import BeforeValidator, TypeAdapter

from backend.db.tables import JobEventRow, JobRow
from backend.domain.events import JobEvent, JobEventKind
from backend.domain.jobs import Block, Failure, Job, JobState, Lease, Progress
from backend.domain.judgements import Judgement, PictureJudgement
from backend.domain.prompts import PromptSpec
from backend.domain.requests import GenerationRequest, JobId
from backend.domain.results import GenerationResult
from backend.service.ports import StoredEvent

T = TypeVar("T")


def _read_older_spec(stored: object) -> object:
    """Take the terms of older releases, which knew of no parts, as they were meant."""
    if not isinstance(stored, dict):
        return stored
    older: dict[str, object] = {
        name: [{"terms": [term]} for term in stored[name]]
        for name in ("positive", "negative")
        if any("terms" not in term for term in stored.get(name, ()))
    }
    if "adapters" in stored and "loras" not in stored:
        # Those that were only named count as they were trained.
        older["loras"] = [{"name": name} for name in stored["adapters"]]
    return {**stored, **older}


REQUEST: TypeAdapter[GenerationRequest] = TypeAdapter(GenerationRequest)
SPEC: TypeAdapter[PromptSpec] = TypeAdapter(
    Annotated[PromptSpec, BeforeValidator(_read_older_spec)]
)
PROGRESS: TypeAdapter[Progress] = TypeAdapter(Progress)
RESULT: TypeAdapter[GenerationResult] = TypeAdapter(GenerationResult)
BLOCK: TypeAdapter[Block] = TypeAdapter(Block)
FAILURE: TypeAdapter[Failure] = TypeAdapter(Failure)
JUDGEMENT: TypeAdapter[Judgement] = TypeAdapter(Judgement)
PICTURE_JUDGEMENT: TypeAdapter[PictureJudgement] = TypeAdapter(PictureJudgement)
CLEARANCES: TypeAdapter[tuple[str, ...]] = TypeAdapter(tuple[str, ...])


def encode(adapter: TypeAdapter[T], value: T | None) -> Any:  # noqa: ANN401 - JSON of any shape
    """Return the value as JSON, or None."""
    return None if value is None else adapter.dump_python(value, mode="json")


def decode(adapter: TypeAdapter[T], stored: object) -> T | None:
    """Return the value that was stored, or None."""
    return None if stored is None else adapter.validate_python(stored, strict=False)


def job_columns(job: Job) -> dict[str, Any]:
    """Return what of a job is stored, by column name."""
    request = encode(REQUEST, job.request)
    # Whether somebody is a moderator is asked afresh every time.
    request["requester"].pop("is_moderator", None)
    place = job.request.requester.place
    return {
        "id": job.id,
        "account_id": job.request.requester.account_id,
        "guild_id": place.guild_id if place else None,
        "idempotency_key": job.request.idempotency_key,
        "family": job.spec.family.value,
        "tier": job.spec.tier.value,
        "state": job.state.value,
        "version": job.version,
        "attempt": job.attempt,
        "losses": job.losses,
        "seed": job.seed,
        "created_at": job.created_at,
        "updated_at": job.updated_at,
        "lease_worker": job.lease.worker if job.lease else None,
        "lease_until": job.lease.until if job.lease else None,
        "request": request,
        "spec": encode(SPEC, job.spec),
        "progress": encode(PROGRESS, job.progress),
        "result": encode(RESULT, job.result),
        "block": encode(BLOCK, job.block),
        "failure": encode(FAILURE, job.failure),
        "clearances": encode(CLEARANCES, job.clearances),
        "predicted_s": job.predicted_s,
        "judgement": encode(JUDGEMENT, job.judgement),
        "picture_judgement": encode(PICTURE_JUDGEMENT, job.picture_judgement),
    }


def job_of(row: JobRow) -> Job:
    """Return the job a row tells of."""
    lease = None
    if row.lease_until is not None:
        lease = Lease(worker=row.lease_worker or "", until=row.lease_until)
    return Job(
        id=JobId(row.id),
        request=REQUEST.validate_python(row.request),
        spec=SPEC.validate_python(row.spec),
        seed=row.seed,
        created_at=row.created_at,
        updated_at=row.updated_at,
        state=JobState(row.state),
        version=row.version,
        attempt=row.attempt,
        losses=row.losses,
        lease=lease,
        progress=decode(PROGRESS, row.progress),
        result=decode(RESULT, row.result),
        block=decode(BLOCK, row.block),
        failure=decode(FAILURE, row.failure),
        clearances=decode(CLEARANCES, row.clearances) or (),
        predicted_s=row.predicted_s,
        judgement=decode(JUDGEMENT, row.judgement),
        picture_judgement=decode(PICTURE_JUDGEMENT, row.picture_judgement),
    )


def stored_event_of(row: JobEventRow) -> StoredEvent:
    """Return the event that a row keeps, with its place in the outbox."""
    event = JobEvent(
        job_id=JobId(row.job_id),
        kind=JobEventKind(row.kind),
        attempt=row.attempt,
        at=row.at,
        detail=row.detail,
    )
    return StoredEvent(sequence=row.sequence or 0, event=event)
