"""Who may decide: moderators, as long as nothing was decided against them.

Whether somebody is one is the surface's to say; whether they may act on it now is said here, for
all doors. Whoever is muted, banned or frozen would else lift that from themselves. About what
is their own a moderator decides only where the deployment has it so.
"""

from dataclasses import replace

from backend.domain.errors import ModeratorsOnly, OwnCase
from backend.domain.jobs import Job
from backend.domain.requests import AccountId, Requester
from backend.domain.standing import must_be_welcome
from backend.service import on_record
from backend.service.moderation_ports import StandingStore
from backend.service.ports import AuditLog, Clock


class Moderators:
    """Says who moderates now. A moderator who is refused goes on record."""

    def __init__(
        self,
        *,
        standings: StandingStore,
        audit: AuditLog,
        clock: Clock,
        decide_own: bool = True,
    ) -> None:
        self._standings = standings
        self._audit = audit
        self._clock = clock
        self._decide_own = decide_own

    async def must_moderate(self, requester: Requester) -> None:
        """Refuse anyone but moderators who are under no sanction.

        Raises:
            ModeratorsOnly: the requester is none.
            AccountMuted, AccountBanned, AccountFrozen: they are one, and under that.
            Unavailable: it cannot be put on record that one was refused.

        """
        if not requester.is_moderator:
            raise ModeratorsOnly
        await self.must_be_clear(requester.account_id)

    async def must_decide(self, requester: Requester, about: AccountId) -> None:
        """Refuse anyone but moderators who may decide about an account, or what is its own.

        Raises:
            OwnCase: it is theirs, and somebody else is to decide.
            ModeratorsOnly, AccountMuted, AccountBanned, AccountFrozen, Unavailable: as
                `must_moderate`.

        """
        await self.must_moderate(requester)
        if about == requester.account_id and not self._decide_own:
            refused = on_record.moderation_refused(about, OwnCase.code, at=self._clock())
            await self._audit.record(refused)
            raise OwnCase

    async def must_be_clear(self, account_id: AccountId) -> None:
        """Refuse whoever may decide about others, but is under a sanction.

        Raises:
            AccountMuted, AccountBanned, AccountFrozen, Unavailable: as `must_moderate`.

        """
        now = self._clock()
        standing = await self._standings.get(account_id)
        if found := standing.sanction(now):
            await self._audit.record(on_record.moderation_refused(account_id, found[0], at=now))
            must_be_welcome(standing, now=now)

    async def note_cancelling(self, job: Job | None, requester: Requester) -> None:
        """Put on record that a moderator ends somebody else's job; of one's own there is no row.

        Raises:
            Unavailable: it cannot be put on record, so the job goes on.

        """
        if job is None or job.is_terminal or not requester.is_moderator:
            return
        who = requester.account_id
        if job.request.requester.account_id != who:
            await self._audit.record(on_record.job_cancelling(who, job, at=self._clock()))

    async def as_of_now(self, requester: Requester) -> Requester:
        """Return the requester; a moderator under a sanction is a member like others."""
        if not requester.is_moderator:
            return requester
        standing = await self._standings.get(requester.account_id)
        return replace(requester, is_moderator=standing.sanction(self._clock()) is None)


def may_touch(job: Job, requester: Requester) -> bool:
    """Say whether the requester owns the job or moderates."""
    return requester.is_moderator or job.request.requester.account_id == requester.account_id


def may_name(job: Job, requester: Requester) -> bool:
    """Say whether the requester may name the job's pictures: their own, or of their own server."""
    there, here = job.request.requester.place, requester.place
    is_shared = there is not None and here is not None and there.guild_id == here.guild_id
    return is_shared or may_touch(job, requester)
