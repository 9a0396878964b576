"""In-memory twins of the stores; the same contract tests run over them and over SQL.

Jobs, reviews and books share one `Memory`: `MemoryJobStore(memory=m)`, `MemoryBooks(memory=m)`.
"""

import json
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from backend.billing.ledger import Balance, Entry, EntryKind, entries_of
from backend.domain.accounts import ApiKey
from backend.domain.child_safety import SafetyReport, words_report
from backend.domain.deliveries import DiscordMessage
from backend.domain.errors import IdempotencyMismatch, TooManyWaiting
from backend.domain.events import JobEventKind
from backend.domain.families import ModelFamily
from backend.domain.jobs import Change, Job, JobState
from backend.domain.preferences import Preferences
from backend.domain.requests import AccountId, JobId
from backend.domain.reviews import Review, ReviewId
from backend.domain.standing import AccountStanding, must_be_welcome
from backend.domain.tiers import Tier
from backend.service import on_record
from backend.service.child_safety import found
from backend.service.moderation_ports import Complaint
from backend.service.ports import InLine, Standing, StoredEvent
from safety.moderation.audit import AuditEntry

__all__ = [
    "Memory",
    "MemoryBooks",
    "MemoryJobStore",
    "MemoryKeyStore",
    "MemoryMessageStore",
    "MemoryQueueDocuments",
]


@dataclass(kw_only=True)
class Memory:
    """What jobs, events and reviews share. `jobs` is in order of arrival."""

    jobs: dict[JobId, Job] = field(default_factory=dict)
    fingerprints: dict[JobId, str] = field(default_factory=dict)
    events: list[StoredEvent] = field(default_factory=list)
    published: set[int] = field(default_factory=set)
    reviews: dict[ReviewId, Review] = field(default_factory=dict)
    ledger: dict[tuple[JobId, EntryKind, int], int] = field(default_factory=dict)
    standings: dict[AccountId, AccountStanding] = field(default_factory=dict)
    audit: list[AuditEntry] = field(default_factory=list)
    is_audit_away: bool = False
    complaints: list[Complaint] = field(default_factory=list)
    safety_reports: dict[str, SafetyReport] = field(default_factory=dict)

    def standing(self, account_id: AccountId) -> AccountStanding:
        """Return an account's standing."""
        return self.standings.get(account_id) or AccountStanding(account_id=account_id)

    def move(self, job_id: JobId, move: Callable[[Job], Change]) -> Job | None:
        """Apply a move to a job, or raise what it raises and change nothing."""
        job = self.jobs.get(job_id)
        if job is None:
            return None
        change = move(job)
        if change.job.id != job.id or change.job.version != job.version + 1:
            raise ValueError(f"{job_id}: version {job.version} cannot become {change.job.version}")
        self.record(change)
        return change.job

    def record(self, change: Change) -> None:
        """Store a changed job with its event and, for a hold, its review."""
        job, event = change.job, change.event
        # Whether somebody is a moderator is never stored.
        requester = replace(job.request.requester, is_moderator=False)
        self.jobs[job.id] = replace(job, request=replace(job.request, requester=requester))
        if event.kind is not JobEventKind.PROGRESS:
            self.events.append(StoredEvent(sequence=len(self.events) + 1, event=event))
        for entry in entries_of(change):
            place = (job.id, entry.kind, entry.stay)
            if place in self.ledger:
                raise ValueError(f"{place} is booked already")
            self.ledger[place] = entry.gpu_ms
        self.audit += on_record.entries_of(change)
        if job.state is JobState.BLOCKED and job.block is not None:
            review_id = ReviewId(f"rev_{len(self.reviews) + 1:06d}")
            self.reviews[review_id] = Review(
                id=review_id, job_id=job.id, block=job.block, opened_at=event.at
            )
            self.audit.append(on_record.opening(review_id, change))

    def line(self) -> list[Job]:
        """Return all jobs, oldest first; among equals in order of arrival."""
        return sorted(self.jobs.values(), key=lambda job: job.created_at)


class MemoryJobStore:
    """The `JobStore` in memory."""

    def __init__(self, *, memory: Memory | None = None) -> None:
        self.memory = memory or Memory()

    async def add(self, change: Change, *, fingerprint: str, waiting_max: int | None = None) -> Job:
        room = {change.job.spec.tier: waiting_max}
        (job, *_) = await self.add_set([change], fingerprint=fingerprint, waiting_max=room)
        return job

    async def add_set(
        self,
        changes: Sequence[Change],
        *,
        fingerprint: str,
        waiting_max: Mapping[Tier, int | None],
    ) -> list[Job]:
        request = changes[0].job.request
        account_id, key = request.requester.account_id, request.idempotency_key
        first = key and await self.repeated(account_id, key, fingerprint=fingerprint)
        if first:
            place = first.request.place
            return [self.memory.jobs[job_id] for job_id in place.ids()] if place else [first]
        must_be_welcome(self.memory.standing(account_id), now=changes[0].event.at)
        for tier, coming in Counter(
            change.job.spec.tier for change in changes if change.job.state is JobState.QUEUED
        ).items():
            most = waiting_max.get(tier)
            if most is not None and self._waiting(account_id, tier) + coming > most:
                raise TooManyWaiting(tier=tier, limit=most)
        for change in changes:
            if change.job.id in self.memory.jobs:
                raise ValueError(f"{change.job.id} is there already")
            self.memory.record(change)
            self.memory.fingerprints[change.job.id] = fingerprint
        report = words_report(changes)
        if report is not None:
            self.memory.safety_reports[report.id] = report
            self.memory.audit.append(found(report))
        return [change.job for change in changes]

    async def repeated(
        self, account_id: AccountId, idempotency_key: str, *, fingerprint: str
    ) -> Job | None:
        for job in self.memory.jobs.values():
            request = job.request
            if (request.requester.account_id, request.idempotency_key) == (
                account_id,
                idempotency_key,
            ):
                if self.memory.fingerprints[job.id] != fingerprint:
                    raise IdempotencyMismatch
                return job
        return None

    def _waiting(self, account_id: AccountId, tier: Tier) -> int:
        return sum(
            job.state is JobState.QUEUED
            and (job.request.requester.account_id, job.spec.tier) == (account_id, tier)
            for job in self.memory.jobs.values()
        )

    async def get(self, job_id: JobId) -> Job | None:
        return self.memory.jobs.get(job_id)

    async def change(self, job_id: JobId, move: Callable[[Job], Change]) -> Job | None:
        return self.memory.move(job_id, move)

    async def standing(self, family: ModelFamily) -> list[Standing]:
        return [
            Standing(row.sequence, row.job_id, row.is_leased) for row in await self.in_line(family)
        ]

    async def in_line(
        self, family: ModelFamily, *, after: int = 0, among: Collection[JobId] | None = None
    ) -> list[InLine]:
        numbers = {job_id: number for number, job_id in enumerate(self.memory.jobs, start=1)}
        return [
            InLine(
                sequence=numbers[job.id],
                job_id=job.id,
                account_id=job.request.requester.account_id,
                created_at=job.created_at,
                spec=job.spec,
                is_leased=job.lease is not None,
            )
            for job in self.memory.line()
            if not job.is_terminal
            and job.spec.family is family
            and numbers[job.id] > after
            and (among is None or job.id in among)
        ]

    async def many(self, job_ids: Sequence[JobId]) -> dict[JobId, Job]:
        jobs = self.memory.jobs
        return {job_id: jobs[job_id] for job_id in job_ids if job_id in jobs}

    async def in_flight(self, family: ModelFamily) -> dict[tuple[Tier, str], int]:
        counts = Counter[tuple[Tier, str]]()
        for job in self.memory.jobs.values():
            if job.state is JobState.QUEUED and job.lease and job.spec.family is family:
                counts[job.spec.tier, job.lease.worker] += 1
        return counts

    async def expired(self, now: datetime, limit: int) -> list[JobId]:
        found = [
            (job.lease.until, job.id)
            for job in self.memory.jobs.values()
            if job.lease is not None and job.lease.until < now
        ]
        found.sort(key=lambda pair: pair[0])
        return [job_id for _, job_id in found[:limit]]

    async def held_by(self, worker: str) -> list[JobId]:
        return [
            job.id
            for job in self.memory.jobs.values()
            if job.lease is not None and job.lease.worker == worker
        ]

    async def ahead_of(self, job: Job) -> int:
        place = (job.spec.family, job.spec.tier)
        count = 0
        for other in self.memory.line():
            if other.id == job.id or other.created_at > job.created_at:
                break
            if other.state is JobState.QUEUED and (other.spec.family, other.spec.tier) == place:
                count += 1
        return count

    async def by_account(self, account_id: AccountId, limit: int) -> list[Job]:
        line = self.memory.line()
        found = [job for job in line if job.request.requester.account_id == account_id]
        return found[::-1][:limit]

    async def unpublished(self, limit: int) -> list[StoredEvent]:
        memory = self.memory
        return [event for event in memory.events if event.sequence not in memory.published][:limit]

    async def mark_published(self, sequences: Sequence[int]) -> None:
        self.memory.published.update(sequences)


class MemoryBooks:
    """The `Books` in memory."""

    def __init__(self, *, memory: Memory) -> None:
        self.memory = memory

    async def entries(self, job_id: JobId) -> list[Entry]:
        return [
            Entry(kind=kind, stay=stay, gpu_ms=gpu_ms)
            for (booked, kind, stay), gpu_ms in self.memory.ledger.items()
            if booked == job_id
        ]

    async def balance(self, account_id: AccountId) -> Balance:
        sums = dict.fromkeys(EntryKind, 0)
        for (job_id, kind, _), gpu_ms in self.memory.ledger.items():
            if self.memory.jobs[job_id].request.requester.account_id == account_id:
                sums[kind] += gpu_ms
        return Balance.of(sums)


class MemoryMessageStore:
    """The `MessageStore` in memory."""

    def __init__(self) -> None:
        self.messages: dict[JobId, DiscordMessage] = {}

    async def save(self, message: DiscordMessage) -> None:
        old = self.messages.get(message.job_id)
        if old is not None and old.message_id == message.message_id:
            message = replace(
                message,
                shown_version=max(old.shown_version, message.shown_version),
                is_final=old.is_final or message.is_final,
            )
        self.messages[message.job_id] = message

    async def get(self, job_id: JobId) -> DiscordMessage | None:
        return self.messages.get(job_id)

    async def unfinished(self, application_id: int) -> list[DiscordMessage]:
        found = [
            message
            for message in self.messages.values()
            if message.application_id == application_id and not message.is_final
        ]
        return sorted(found, key=lambda message: (message.token_created_at, message.job_id))

    async def mark_shown(self, job_id: JobId, *, version: int, is_final: bool) -> None:
        message = self.messages.get(job_id)
        if message is not None and message.shown_version <= version:
            self.messages[job_id] = replace(
                message, shown_version=version, is_final=message.is_final or is_final
            )

    async def reopen(self, job_id: JobId) -> None:
        if job_id in self.messages:
            self.messages[job_id] = replace(self.messages[job_id], is_final=False)


class MemoryKeyStore:
    """The `KeyStore` in memory."""

    def __init__(self, *, memory: Memory | None = None) -> None:
        self.memory = memory or Memory()
        self.keys: dict[str, ApiKey] = {}

    async def add(self, key: ApiKey) -> None:
        self.keys[key.id] = key
        self.memory.audit.append(on_record.key_made(key))

    async def by_digest(self, digest: str) -> ApiKey | None:
        for key in self.keys.values():
            if key.digest == digest and key.revoked_at is None:
                return key
        return None

    async def all(self) -> list[ApiKey]:
        return sorted(self.keys.values(), key=lambda key: (key.created_at, key.id))

    async def revoke(self, key_id: str, at: datetime) -> bool:
        key = self.keys.get(key_id)
        if key is None:
            return False
        self.keys[key_id] = replace(key, revoked_at=key.revoked_at or at)
        self.memory.audit.append(on_record.key_revoked(self.keys[key_id]))
        return True


class MemoryPreferenceStore:
    """The `PreferenceStore` in memory."""

    def __init__(self) -> None:
        self._kept: dict[AccountId, Preferences] = {}

    async def get(self, account_id: AccountId) -> Preferences:
        return self._kept.get(account_id, Preferences())

    async def change(
        self, account_id: AccountId, edit: Callable[[Preferences], Preferences]
    ) -> Preferences:
        self._kept[account_id] = edit(self._kept.get(account_id, Preferences()))
        return self._kept[account_id]


class MemoryQueueDocuments:
    """The `QueueDocuments` in memory; what is kept is JSON, as in a database."""

    def __init__(self) -> None:
        self._documents: dict[ModelFamily, str] = {}

    async def load(self, family: ModelFamily) -> dict[str, Any] | None:
        stored = self._documents.get(family)
        return None if stored is None else json.loads(stored)

    async def save(self, family: ModelFamily, document: Mapping[str, Any]) -> None:
        self._documents[family] = json.dumps(document)
