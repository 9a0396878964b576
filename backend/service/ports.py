"""What the use cases need from outside, as Protocols; `tests/fakes/` holds a twin of each."""

from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple, Protocol

from backend.billing.ledger import Balance, Entry
from backend.domain.accounts import ApiKey
from backend.domain.deliveries import DiscordMessage
from backend.domain.events import JobEvent
from backend.domain.families import ModelFamily
from backend.domain.jobs import Change, Job
from backend.domain.judgements import PictureJudgement
from backend.domain.outlook import Outlook
from backend.domain.preferences import Preferences
from backend.domain.prompts import PromptSpec
from backend.domain.requests import AccountId, JobId, UploadId
from backend.domain.reviews import Backlog
from backend.domain.tiers import Tier
from backend.domain.uploads import Upload
from backend.scheduling.gauges import Board, FamilyGauges
from safety.moderation.audit import AuditEntry
from safety.policy import Policy


class Clock(Protocol):
    """Tells the time."""

    def __call__(self) -> datetime:
        """Return now, aware, in UTC."""


@dataclass(frozen=True, kw_only=True)
class StoredEvent:
    """An event with its place in the outbox."""

    sequence: int
    event: JobEvent


@dataclass(frozen=True, kw_only=True)
class InLine:
    """What of a waiting or running job decides when its turn is; `sequence` grows with arrival."""

    sequence: int
    job_id: JobId
    account_id: AccountId
    created_at: datetime
    spec: PromptSpec
    is_leased: bool


class Standing(NamedTuple):
    """That a job waits, or is leased; a line has ten thousand of them."""

    sequence: int
    job_id: JobId
    is_leased: bool


class JobStore(Protocol):
    """Jobs, each change committed together with its event and ledger entries.

    Moving to BLOCKED also opens a review.
    """

    async def add(self, change: Change, *, fingerprint: str, waiting_max: int | None = None) -> Job:
        """Store a new job with its first event, and a review when it is born BLOCKED.

        If the requester's account has used the request's idempotency key before, store nothing and
        return that first job. `fingerprint` tells whether it was the same request. However many
        processes add at once, the account never gets more than `waiting_max` jobs that no worker
        has begun in the job's tier.

        Raises:
            IdempotencyMismatch: the key was used for a request with another fingerprint.
            TooManyWaiting: the account has so many already.

        """

    async def add_set(
        self,
        changes: Sequence[Change],
        *,
        fingerprint: str,
        waiting_max: Mapping[Tier, int | None],
    ) -> list[Job]:
        """Store the jobs that one prompt stands for as `add` would each, all of them or none.

        The first carries the key; if it has been used before, return the jobs it made. That their
        words are held for child safety goes on file with them, once for all of them.

        Raises:
            IdempotencyMismatch: the key was used for a request with another fingerprint.
            TooManyWaiting: the account would have too many in one of the tiers.

        """

    async def repeated(
        self, account_id: AccountId, idempotency_key: str, *, fingerprint: str
    ) -> Job | None:
        """Return the job that an account's key made, or None if it has not been used.

        Raises:
            IdempotencyMismatch: it was used for a request with another fingerprint.

        """

    async def get(self, job_id: JobId) -> Job | None:
        """Return the job, or None."""

    async def change(self, job_id: JobId, move: Callable[[Job], Change]) -> Job | None:
        """Apply one transition in one transaction, to the row as it is now; None if there is none.

        Whatever `move` raises is passed on, and nothing is stored. PROGRESS events are not kept in
        the outbox.
        """

    async def standing(self, family: ModelFamily) -> list[Standing]:
        """Return all queued and rendering jobs, oldest first, with no more than must be known."""

    async def in_line(
        self, family: ModelFamily, *, after: int = 0, among: Collection[JobId] | None = None
    ) -> list[InLine]:
        """Return queued and rendering jobs that came after a sequence number, oldest first.

        Of those `among` these only, if some are named.
        """

    async def many(self, job_ids: Sequence[JobId]) -> dict[JobId, Job]:
        """Return the jobs of these ids that exist."""

    async def in_flight(self, family: ModelFamily) -> dict[tuple[Tier, str], int]:
        """Count dispatched jobs that no worker has started yet, by tier and by queue.

        A queue is known by the worker whose own it is; "" is the tier's.
        """

    async def expired(self, now: datetime, limit: int) -> list[JobId]:
        """Return jobs whose lease ran out before `now`."""

    async def held_by(self, worker: str) -> list[JobId]:
        """Return the jobs that are leased to this worker."""

    async def ahead_of(self, job: Job) -> int:
        """Count jobs of the same family and tier, created before `job`, that have not started."""

    async def by_account(self, account_id: AccountId, limit: int) -> list[Job]:
        """Return an account's newest jobs, newest first."""

    async def unpublished(self, limit: int) -> list[StoredEvent]:
        """Return committed events not yet marked published, oldest first."""

    async def mark_published(self, sequences: Sequence[int]) -> None:
        """Mark events as published."""


class Books(Protocol):
    """The ledger, to be read; `JobStore` writes it."""

    async def entries(self, job_id: JobId) -> list[Entry]:
        """Return a job's entries in the order they were booked."""

    async def balance(self, account_id: AccountId) -> Balance:
        """Add up what an account was charged, and what is held on it."""


class PreferenceStore(Protocol):
    """What accounts save for their prompts."""

    async def get(self, account_id: AccountId) -> Preferences:
        """Return what an account has saved; nothing, if it never did."""

    async def change(
        self, account_id: AccountId, edit: Callable[[Preferences], Preferences]
    ) -> Preferences:
        """Store what `edit` makes of what is saved, in one transaction, and return it.

        Whatever `edit` raises is passed on, and nothing is stored.
        """


class QueueDocuments(Protocol):
    """What each family's line remembers, as JSON documents."""

    async def load(self, family: ModelFamily) -> dict[str, Any] | None:
        """Return a family's document, or None."""

    async def save(self, family: ModelFamily, document: Mapping[str, Any]) -> None:
        """Store a family's document in place of the last."""


class Outlooks(Protocol):
    """Where waiting jobs stand: told by the dispatcher, read by everyone; may forget."""

    async def tell(self, family: ModelFamily, outlooks: Mapping[JobId, Outlook]) -> None:
        """Replace what is told of a family."""

    async def of(self, job: Job) -> Outlook | None:
        """Return what was told of a job lately, or None."""


class Gauges(Protocol):
    """What is measured of the lines: told by the dispatcher, shown to operators; may forget."""

    async def tell(self, family: ModelFamily, gauges: FamilyGauges) -> None:
        """Replace what is told of a family."""

    async def tell_backlog(self, backlog: Sequence[Backlog]) -> None:
        """Replace what is told of what waits for moderators."""

    async def read(self) -> Board:
        """Return what was told lately, and who is there.

        Raises:
            Unavailable: the server that knows it does not answer.

        """


class MessageStore(Protocol):
    """The Discord messages in which jobs are shown."""

    async def save(self, message: DiscordMessage) -> None:
        """Insert the job's message, or replace it by one with another message id or token."""

    async def get(self, job_id: JobId) -> DiscordMessage | None:
        """Return the message of a job, or None."""

    async def unfinished(self, application_id: int) -> list[DiscordMessage]:
        """Return messages whose job's end has not been shown."""

    async def mark_shown(self, job_id: JobId, *, version: int, is_final: bool) -> None:
        """Record what a message shows now; never goes back from final or to an older version."""

    async def reopen(self, job_id: JobId) -> None:
        """Look after a message again whose job has come to an end and may go on."""


class KeyStore(Protocol):
    """API keys."""

    async def add(self, key: ApiKey) -> None:
        """Store a new key."""

    async def by_digest(self, digest: str) -> ApiKey | None:
        """Return the key with this digest, unless revoked."""

    async def all(self) -> list[ApiKey]:
        """Return all keys, the revoked ones too, oldest first."""

    async def revoke(self, key_id: str, at: datetime) -> bool:
        """Revoke a key; False if there is none."""


class AuditLog(Protocol):
    """The record of who saw, decided and changed what.

    Stores put what they decide on record in their own transactions; this is for what else is
    decided or looked at. Record first, then act or answer: no decision without a row.
    """

    async def record(self, entry: AuditEntry) -> None:
        """Put a decision on record.

        Raises:
            Unavailable: the log cannot be written, so nothing may be decided.

        """

    async def last(self, action: str, subject: str) -> AuditEntry | None:
        """Return the newest entry about a subject, or None."""


class EventBus(Protocol):
    """Tells other processes what happened; may forget, never blocks a transition."""

    async def publish(self, event: JobEvent) -> None:
        """Tell one event."""

    def listen(self, group: str) -> AsyncIterator[JobEvent]:
        """Yield events for this consumer group, from where it left off; never ends by itself."""


class OutboxPublisher(Protocol):
    """Publishes committed events; what it misses, the dispatcher's reconciler publishes later."""

    async def publish_pending(self) -> None:
        """Publish what is not yet marked published; never raises for a silent broker."""


class SentJobs(Protocol):
    """What was sent to worker queues and not yet begun."""

    async def holds(self, job: Job) -> bool:
        """Return whether the message of the job's attempt still waits in its tier's queue."""

    async def void(self, job: Job) -> None:
        """Keep workers from beginning this attempt; best effort, its reports are refused anyway."""


class CancelFlags(Protocol):
    """Flags a drawing worker looks at between steps."""

    async def raise_flag(self, job_id: JobId) -> None:
        """Ask whoever draws this job to stop."""


class Previews(Protocol):
    """Pictures on their way, checked; a worker leaves them for a minute or less."""

    async def of(self, job: Job) -> bytes | None:
        """Return the newest preview of the job's attempt as WebP, or None; never raises."""

    async def forget(self, job: Job) -> None:
        """Remove the previews of all attempts of a job, and make sure that they are gone.

        Raises:
            Unavailable: they cannot be reached.

        """


class Pictures(Protocol):
    """Stored pictures by object key."""

    async def read(self, key: str) -> bytes:
        """Return an object's bytes.

        Raises:
            ImageNotFound: there is no such object.

        """

    async def veiled(self, key: str) -> bytes:
        """Return a picture small, grey and blurred, as WebP, for who has to decide about it.

        Raises:
            ImageNotFound: there is no such object, or it is no picture.

        """

    def link(self, key: str, *, ttl_s: int) -> str:
        """Return a signed URL that works for `ttl_s` seconds."""


class UploadStore(Protocol):
    """What was uploaded, by id."""

    async def add(self, upload: Upload, *, most: int) -> bool:
        """Store an upload; False if the account has `most` that have not expired by its birth."""

    async def get(self, upload_id: UploadId) -> Upload | None:
        """Return an upload, expired or not, or None."""

    async def expired(self, before: datetime, limit: int) -> list[Upload]:
        """Return uploads that expired before a moment, oldest first."""

    async def remove(self, upload_id: UploadId) -> None:
        """Forget an upload; one that is unknown is fine."""


@dataclass(frozen=True, kw_only=True)
class AdmittedPicture:
    """An upload that may be kept: upright, without metadata, as a PNG; what was found in it."""

    png: bytes
    width: int
    height: int
    judgement: PictureJudgement


class UploadPictures(Protocol):
    """The bytes of uploads: read with suspicion, and kept apart from what is delivered."""

    async def admit(self, data: bytes, *, policy: Policy) -> AdmittedPicture:
        """Read what was sent, and screen it by a policy.

        Raises:
            PictureInvalid, PictureTooLarge: it cannot be read.
            PictureBlocked: it may not be used.

        """

    async def keep(self, upload_id: UploadId, picture: AdmittedPicture) -> str:
        """Store a picture and return its object key.

        Raises:
            Unavailable: the store does not answer, or is full.

        """

    async def drop(self, key: str) -> None:
        """Remove an object; a missing one is fine."""
