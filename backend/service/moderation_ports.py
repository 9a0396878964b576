"""What moderation needs from outside, as Protocols; `tests/fakes/` holds a twin of each."""

from collections.abc import Callable
from typing import Protocol

from backend.domain.jobs import Change, Job
from backend.domain.requests import AccountId, JobId
from backend.domain.standing import AccountStanding


class StandingStore(Protocol):
    """What was decided of accounts.

    `JobStore.add` reads it too, in the transaction that adds: it refuses whoever may not ask.
    """

    async def get(self, account_id: AccountId) -> AccountStanding:
        """Return an account's standing; a clean one, if nothing was ever decided."""

    async def change(
        self,
        account_id: AccountId,
        edit: Callable[[AccountStanding], AccountStanding],
        *,
        end: Callable[[Job], Change] | None = None,
    ) -> tuple[AccountStanding, tuple[JobId, ...]]:
        """Store what `edit` makes of a standing; if that bars the account, `end` its open jobs.

        In one transaction, in which the account adds no job: none slips through between. Return
        the ids of the jobs that were ended, queued and rendering ones.
        """
