"""Twins of what moderation keeps, over the same `Memory` as the jobs."""

from collections.abc import Callable

from backend.domain.jobs import Change, Job
from backend.domain.requests import AccountId, JobId
from backend.domain.standing import AccountStanding, StandingRules
from backend.service.ports import Clock, OutboxPublisher
from backend.service.standings import Standings
from tests.fakes.events import MemoryCancelFlags
from tests.fakes.stores import Memory


class MemoryStandingStore:
    """The `StandingStore` in memory."""

    def __init__(self, *, memory: Memory) -> None:
        self.memory = memory

    async def get(self, account_id: AccountId) -> AccountStanding:
        return self.memory.standing(account_id)

    async def change(
        self,
        account_id: AccountId,
        edit: Callable[[AccountStanding], AccountStanding],
        *,
        end: Callable[[Job], Change] | None = None,
    ) -> tuple[AccountStanding, tuple[JobId, ...]]:
        standing = edit(self.memory.standing(account_id))
        self.memory.standings[account_id] = standing
        if end is None or not standing.is_barred:
            return standing, ()
        ended = [
            job.id
            for job in self.memory.jobs.values()
            if job.request.requester.account_id == account_id and not job.is_terminal
        ]
        for job_id in ended:
            self.memory.move(job_id, end)
        return standing, tuple(ended)


def make_standings(
    *,
    memory: Memory,
    flags: MemoryCancelFlags,
    outbox: OutboxPublisher,
    clock: Clock,
    rules: StandingRules | None = None,
) -> Standings:
    """Make the use cases around standing, in memory."""
    return Standings(
        store=MemoryStandingStore(memory=memory),
        cancel_flags=flags,
        outbox=outbox,
        clock=clock,
        rules=rules,
    )
