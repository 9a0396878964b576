"""Random histories of the job table: everybody who may touch a job does so, in and out of order.

Reports go through `Reports`, as workers' do; each is kept, and may arrive again at any time.
"""

import asyncio
import itertools
from collections import Counter
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import replace
from typing import Any, TypeVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from backend.billing.ledger import EntryKind, charged_ms, held_ms
from backend.contracts import (
    RenderBlocked,
    RenderCancelled,
    RenderFailed,
    RenderFinished,
    RenderProgress,
    RenderReport,
    RenderStarted,
    StageTimings,
)
from backend.domain.errors import IdempotencyMismatch, TooManyWaiting
from backend.domain.events import JobEvent, JobEventKind
from backend.domain.jobs import (
    LOSSES_MAX,
    Block,
    Change,
    IllegalTransition,
    Job,
    JobState,
    StaleAttempt,
)
from backend.domain.requests import AccountId, JobId
from backend.domain.reviews import Decision
from backend.domain.tiers import Tier
from backend.service.reports import Reports
from tests.builders import a_birth, a_job, a_request, a_requester, a_spec, at
from tests.contract.db.conftest import Stores
from tests.fakes.events import MemoryEventBus, MemoryOutbox

T = TypeVar("T")
WAITING_MAX = 3
ENDED = (JobState.DELIVERED, JobState.FAILED, JobState.CANCELLED)
BLOCK = Block(stage="prompt", outcome="review", category="nsfw", rule="r")
PICKS = st.integers(0, 3)
WORKERS = st.sampled_from(["w1", "w2"])
# What a worker reports of one job before something else happens; reports get lost, or doubled.
SAYINGS = st.sampled_from(
    [
        (),
        ("started",),
        ("started", "progress"),
        ("progress",),
        ("started", "progress", "finished"),
        ("finished", "finished", "started"),
        ("started", "held", "progress"),
        ("held",),
        ("started", "failed"),
        ("failed", "broken"),
        ("started", "broken", "finished"),
        ("started", "stopped"),
    ]
)
_numbers = itertools.count(1)


def a_report(word: str, job_id: JobId, attempt: int, worker: str, step: int) -> RenderReport:
    """Make what a worker says."""
    facts: dict[str, Any] = {"job_id": job_id, "attempt": attempt, "worker": worker}
    match word:
        case "started":
            return RenderStarted(**facts)
        case "progress":
            return RenderProgress(**facts, step=step, steps=20)
        case "finished":
            timings = StageTimings(denoise_s=2.0, total_s=9.0)
            return RenderFinished(**facts, images=(), timings=timings)
        case "held":
            return RenderBlocked(**facts, outcome="review", category="nsfw", rule="r")
        case "failed" | "broken":
            is_retryable = word == "failed"
            return RenderFailed(**facts, code="x", message="It broke.", is_retryable=is_retryable)
        case _:
            return RenderCancelled(**facts)


class Recording:
    """A `JobStore` that remembers every change it has committed."""

    def __init__(self, stores: Stores) -> None:
        self.inner = stores.jobs
        self.reviews = stores.reviews
        self.committed: list[Change] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    async def add(self, change: Change, **fields: Any) -> Job:
        job = await self.inner.add(change, **fields)
        if job.id == change.job.id:
            self.committed.append(change)
        return job

    async def change(self, job_id: JobId, move: Callable[[Job], Change]) -> Job | None:
        return await self._noting(move, lambda noted: self.inner.change(job_id, noted))

    async def release(self, job_id: JobId, seconds: float) -> None:
        """Let a moderator release a job through its open review, if it has one."""
        for review in await self.reviews.open_reviews(1000):
            if review.job_id == job_id:
                decided = replace(review, decision=Decision.RELEASED, decided_at=at(seconds))
                await self._noting(
                    lambda job: job.release(category="nsfw", now=at(seconds)),
                    lambda noted, decided=decided: self.reviews.decide(
                        decided.id, lambda _: decided, noted
                    ),
                )
                return

    async def _noting(self, move: Callable[[Job], Change], commit: Callable[[Any], Any]) -> Any:
        made: list[Change] = []

        def noted(job: Job) -> Change:
            made.append(move(job))
            return made[-1]

        answer = await commit(noted)
        self.committed += made
        return answer


class Histories(RuleBasedStateMachine):
    """Two accounts, two workers, a moderator, a clock and a broker that doubles everything."""

    def __init__(
        self, *, stores: Stores, run: Callable[[Coroutine[Any, Any, T]], T], seen: set[str]
    ) -> None:
        super().__init__()
        self.stores, self.run, self.seen = stores, run, seen
        self.seconds = 0.0
        self.store = Recording(stores)
        self.bus = MemoryEventBus()
        self.outbox = MemoryOutbox(jobs=self.store, bus=self.bus)
        self.reports = Reports(
            jobs=self.store,
            events=self.bus,
            outbox=self.outbox,
            clock=lambda: at(self.seconds),
            start_lease_s=60.0,
            progress_lease_s=20.0,
            write_every_s=0.0,
        )
        self.told: list[RenderReport] = []
        self.last: dict[JobId, Job] = {}
        self.keys: dict[tuple[str, str], tuple[JobId, str]] = {}
        self.touched: JobId | None = None

    @initialize()
    def begin(self) -> None:
        # Every history has accounts of its own: the books cannot be emptied.
        number = next(_numbers)
        self.names = [f"alice-{number}", f"bob-{number}"]
        for place in range(4):
            tier = Tier.FAST if place else Tier.RELAX
            self.submit(who=place % 2, tier=tier, key=None, words="a fox", is_held=False)
            self.check()

    # What may happen

    @rule(
        who=st.integers(0, 1),
        tier=st.sampled_from([Tier.FAST, Tier.RELAX]),
        key=st.sampled_from([None, None, "k1", "k2"]),
        words=st.sampled_from(["a fox", "a fox", "an owl"]),
        is_held=st.sampled_from([False, False, False, True]),
    )
    def submit(self, who, tier, key, words, is_held):
        name = self.names[who]
        request = a_request(words, requester=a_requester(name), idempotency_key=key)
        job = a_job(
            request=request,
            spec=a_spec(tier=tier),
            created_at=self.now(),
            updated_at=at(self.seconds),
            predicted_s=1.5,
            state=JobState.BLOCKED if is_held else JobState.QUEUED,
            block=BLOCK if is_held else None,
        )
        known = self.keys.get((name, key)) if key else None
        is_full = not is_held and self.waiting(name, tier) >= WAITING_MAX
        try:
            added = self.run(
                self.store.add(a_birth(job), fingerprint=words, waiting_max=WAITING_MAX)
            )
        except IdempotencyMismatch:
            assert known is not None
            assert known[1] != words
        except TooManyWaiting:
            assert known is None
            assert is_full
        else:
            assert added.id == (known[0] if known else job.id)
            assert known or not is_full
            if key:
                self.keys.setdefault((name, key), (added.id, words))
            self.touched = added.id

    @rule(pick=PICKS)
    def dispatch(self, pick):
        self.move(pick, lambda job: job.dispatch(now=self.now(), until=at(self.seconds + 30)))

    @rule(pick=PICKS, worker=WORKERS, step=st.integers(1, 20), says=SAYINGS)
    def work(self, pick, worker, step, says):
        """Let a worker take a job, if it waits, and report what it will, in whatever order."""
        self.dispatch(pick)
        self.check()
        for word in says:
            self.tell(pick, worker, step, word)

    @rule(pick=st.integers(0, 30))
    def hear_again(self, pick):
        if self.told:
            self.apply(self.told[-1 - pick % len(self.told)])

    @rule(pick=PICKS, is_mod=st.booleans())
    def decide(self, pick, is_mod):
        """Let an owner cancel a job, or a moderator release one that is held."""
        held = [job_id for job_id, job in self.last.items() if job.state is JobState.BLOCKED]
        if not is_mod:
            self.move(pick, lambda job: job.cancel(now=self.now()))
        elif held:
            self.touched = held[pick % len(held)]
            self.run(self.store.release(self.touched, self.seconds))

    @rule(seconds=st.sampled_from([10.0, 31.0, 61.0]))
    def let_leases_end(self, seconds):
        self.seconds += seconds
        for job_id in self.run(self.store.expired(at(self.seconds), 100)):
            if job_id in self.last:
                self.touched = job_id
                self.change(job_id, lambda job: job.return_to_line(now=self.now(), reason="lost"))
                self.check()

    # How it is made to happen

    def now(self):
        self.seconds += 0.01
        return at(self.seconds)

    def choose(self, pick: int) -> JobId | None:
        """Pick one of the newest jobs."""
        job_ids = list(self.last)
        self.touched = job_ids[-1 - pick % len(job_ids)] if job_ids else None
        return self.touched

    def change(self, job_id: JobId, move: Callable[[Job], Change]) -> None:
        with suppress(IllegalTransition, StaleAttempt):
            self.run(self.store.change(job_id, move))

    def move(self, pick: int, move: Callable[[Job], Change]) -> None:
        job_id = self.choose(pick)
        if job_id is not None:
            self.change(job_id, move)

    def tell(self, pick: int, worker: str, step: int, word: str) -> None:
        job_id = self.choose(pick)
        if job_id is not None:
            report = a_report(word, job_id, self.last[job_id].attempt, worker, step)
            self.told.append(report)
            self.apply(report)
            self.check()

    def apply(self, report: RenderReport) -> None:
        self.touched = JobId(report.job_id)
        self.now()
        self.run(self.reports.apply(report))

    def waiting(self, name: str, tier: Tier) -> int:
        account = AccountId(f"discord:{name}")
        return sum(
            job.state is JobState.QUEUED
            and (job.request.requester.account_id, job.spec.tier) == (account, tier)
            for job in self.last.values()
        )

    # What must hold

    @invariant()
    def check(self) -> None:
        if self.touched is None:
            return
        job = self.run(self.store.get(self.touched))
        assert job is not None
        before = self.last.get(job.id, job)
        self.last[job.id] = job
        assert job.attempt >= before.attempt
        assert job.version >= before.version
        assert job.losses <= min(LOSSES_MAX, job.attempt)
        assert job.losses < LOSSES_MAX or job.is_terminal
        if before.state in ENDED:
            assert job == before
        self.check_books(job)

    def check_books(self, job: Job) -> None:
        entries = self.run(self.stores.books.entries(job.id))
        kinds = Counter(entry.kind for entry in entries)
        is_held = not job.is_terminal
        assert kinds[EntryKind.HOLD] - kinds[EntryKind.REFUND] == is_held
        assert kinds[EntryKind.SETTLE] <= 1
        assert (kinds[EntryKind.SETTLE] == 1) == (
            job.state is JobState.DELIVERED or charged_ms(job) > 0
        )
        assert sum(entry.gpu_ms for entry in entries) == (
            held_ms(job) if is_held else charged_ms(job)
        )

    def teardown(self) -> None:
        self.run(self.outbox.publish_pending())
        committed = self.store.committed
        self.check_events([change.event for change in committed])
        stored = self.run(self.store.many(list(self.last)))
        newest = {change.job.id: change.job for change in committed}
        # Whether somebody is a moderator is never stored; nobody here is one.
        assert stored == newest
        for name in self.names if self.last else ():
            self.check_balance(AccountId(f"discord:{name}"))

    def check_events(self, events: list[JobEvent]) -> None:
        kept = [event for event in events if event.kind is not JobEventKind.PROGRESS]
        heard = [
            event
            for event in self.bus.events
            if event.kind is not JobEventKind.PROGRESS and event.job_id in self.last
        ]
        assert heard == kept
        delivered = Counter(e.job_id for e in kept if e.kind is JobEventKind.DELIVERED)
        assert set(delivered.values()) <= {1}
        self.seen.update(event.kind.value for event in events)

    def check_balance(self, account: AccountId) -> None:
        jobs = [job for job in self.last.values() if job.request.requester.account_id == account]
        balance = self.run(self.stores.books.balance(account))
        charged = sum(charged_ms(job) for job in jobs)
        held = sum(held_ms(job) for job in jobs if not job.is_terminal)
        assert (balance.charged_s, balance.held_s) == (charged / 1000, held / 1000)


def run_in(runner: asyncio.Runner) -> Callable[[Coroutine[Any, Any, T]], T]:
    """Return what runs a coroutine to its end."""
    return lambda coroutine: runner.run(asyncio.wait_for(coroutine, 30))
