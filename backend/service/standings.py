"""What moderators, thresholds and the child safety workflow decide of accounts."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from backend.domain.errors import JobNotFound
from backend.domain.jobs import Change, Job
from backend.domain.requests import AccountId, JobId, Requester
from backend.domain.standing import (
    HOUSE,
    AccountStanding,
    Sanction,
    StandingRules,
    Strike,
    must_be_welcome,
    must_not_be_frozen,
)
from backend.service import on_record
from backend.service.moderation_ports import StandingStore
from backend.service.moderators import Moderators
from backend.service.ports import CancelFlags, Clock, OutboxPublisher
from safety.moderation.audit import AuditEntry

Edit = Callable[[AccountStanding], AccountStanding]


def frozen_by(store: StandingStore) -> Callable[[AccountId], Awaitable[bool]]:
    """Return what says of an account whether it is frozen now."""

    async def is_frozen(account_id: AccountId) -> bool:
        return (await store.get(account_id)).is_frozen

    return is_frozen


class Standings:
    """The use cases around standing. What `by` does is refused unless they moderate."""

    def __init__(
        self,
        *,
        store: StandingStore,
        cancel_flags: CancelFlags,
        outbox: OutboxPublisher,
        moderators: Moderators,
        clock: Clock,
        rules: StandingRules | None = None,
    ) -> None:
        self._store = store
        self._cancel_flags = cancel_flags
        self._outbox = outbox
        self._moderators = moderators
        self._clock = clock
        self._rules = rules or StandingRules()

    async def standing_of(self, account_id: AccountId) -> AccountStanding:
        """Return an account's standing."""
        return await self._store.get(account_id)

    async def must_be_welcome(self, account_id: AccountId) -> None:
        """Refuse an account that may not ask.

        Raises:
            AccountMuted, AccountBanned, AccountFrozen: it is under that.

        """
        must_be_welcome(await self._store.get(account_id), now=self._clock())

    async def must_not_be_frozen(self, account_id: AccountId) -> None:
        """Refuse an account for which there is nothing to do or to see here.

        Raises:
            AccountFrozen: it is.

        """
        must_not_be_frozen(await self._store.get(account_id))

    async def must_be_shown(self, job: Job) -> None:
        """Let what a frozen account had drawn be as if it were not there, for everybody.

        Raises:
            JobNotFound: its owner is frozen.

        """
        if (await self._store.get(job.request.requester.account_id)).is_frozen:
            raise JobNotFound

    async def strike(
        self,
        account_id: AccountId,
        *,
        reason: str,
        by: Requester,
        rule: str = "",
        job_id: JobId | None = None,
    ) -> AccountStanding:
        """Add a strike, with what it comes to.

        Raises:
            ModeratorsOnly, AccountSuspended, OwnCase: `by` may not decide.

        """
        await self._moderators.must_decide(by, account_id)
        strike = self._strike(by.account_id, reason=reason, rule=rule, job_id=job_id)
        return await self._change(
            account_id,
            lambda old: old.struck(strike, self._rules),
            _Act(action="account.struck", by=by.account_id, detail=_detail(rule, job_id)),
        )

    async def warn(
        self,
        account_id: AccountId,
        *,
        reason: str,
        by: Requester,
        rule: str = "",
        job_id: JobId | None = None,
    ) -> AccountStanding:
        """Note a warning, which counts for nothing and expires like a strike.

        Raises:
            ModeratorsOnly, AccountSuspended, OwnCase: `by` may not decide.

        """
        await self._moderators.must_decide(by, account_id)
        warning = self._strike(by.account_id, reason=reason, rule=rule, job_id=job_id)
        return await self._change(
            account_id,
            lambda old: old.warned(warning),
            _Act(action="account.warned", by=by.account_id, detail=_detail(rule, job_id)),
        )

    async def mute(
        self, account_id: AccountId, *, reason: str, by: Requester, for_: timedelta | None = None
    ) -> AccountStanding:
        """Keep an account from asking for a while; what it has in line goes on.

        Raises:
            ModeratorsOnly, AccountSuspended, OwnCase: `by` may not decide.

        """
        await self._moderators.must_decide(by, account_id)
        now = self._clock()
        until = now + (for_ or self._rules.mute_for)
        mute = Sanction(reason=reason, by=by.account_id, at=now, until=until)
        act = _Act(action="account.muted", by=by.account_id, detail={"until": until.isoformat()})
        return await self._change(account_id, lambda old: old.muted(mute), act)

    async def ban(self, account_id: AccountId, *, reason: str, by: Requester) -> AccountStanding:
        """Keep an account from asking, and end what it has in line or being drawn.

        Raises:
            ModeratorsOnly, AccountSuspended, OwnCase: `by` may not decide.

        """
        await self._moderators.must_decide(by, account_id)
        ban = Sanction(reason=reason, by=by.account_id, at=self._clock())
        act = _Act(action="account.banned", by=by.account_id)
        return await self._change(account_id, lambda old: old.banned(ban), act)

    async def unban(self, account_id: AccountId, *, by: Requester) -> AccountStanding:
        """Lift mute and ban, and take back the strikes; a freeze stays.

        Raises:
            ModeratorsOnly, AccountSuspended, OwnCase: `by` may not decide.

        """
        await self._moderators.must_decide(by, account_id)
        act = _Act(action="account.lifted", by=by.account_id)
        return await self._change(account_id, lambda old: old.lifted(), act)

    async def freeze(self, account_id: AccountId, reason: str) -> AccountStanding:
        """Stop everything of an account with one commit; done by the house.

        What it has open ends, its keys are refused, and links to what it had drawn are dead.
        """
        freeze = Sanction(reason=reason, by=HOUSE, at=self._clock())
        act = _Act(action="account.frozen", by=HOUSE)
        return await self._change(account_id, lambda old: old.frozen(freeze), act)

    def _strike(self, by: AccountId, *, reason: str, rule: str, job_id: JobId | None) -> Strike:
        now = self._clock()
        return Strike(
            reason=reason,
            by=by,
            at=now,
            expires_at=now + self._rules.strike_for,
            rule=rule,
            job_id=job_id,
        )

    async def _change(self, account_id: AccountId, edit: Edit, act: "_Act") -> AccountStanding:
        def end(job: Job) -> Change:
            return job.cancel(now=self._clock())

        def record(standing: AccountStanding, ended: Sequence[JobId]) -> AuditEntry:
            found = standing.sanction(self._clock())
            return on_record.standing(
                act.action,
                account_id,
                actor=act.by,
                outcome=found[0] if found else "welcome",
                ended=ended,
                detail=act.detail,
            )

        standing, ended = await self._store.change(account_id, edit, record=record, end=end)
        for job_id in ended:
            await self._cancel_flags.raise_flag(job_id)
        if ended:
            await self._outbox.publish_pending()
        return standing


@dataclass(frozen=True, kw_only=True)
class _Act:
    """What goes on record of a decision."""

    action: str
    by: str
    detail: Mapping[str, str] = field(default_factory=dict)


def _detail(rule: str, job_id: JobId | None) -> dict[str, str]:
    return {"rule": rule} | ({"job": job_id} if job_id else {})
