"""The waiting jobs of one tier, by account: the least-served account first, and the oldest job."""

from bisect import bisect_left, insort
from collections.abc import Iterator

from backend.domain.requests import AccountId
from backend.scheduling.waiting import Waiting

# How much of a fair pace virtual time keeps at least. It otherwise moves with the least-served
# account, and would stand still while ever new accounts come; those already here would starve.
AGEING = 0.25


class Member:
    """One account's part of a tier: its jobs, oldest first, what it was served and what runs."""

    __slots__ = ("account", "by_age", "by_service", "is_restored", "jobs", "running", "served_s")

    def __init__(self, *, account: AccountId, served_s: float) -> None:
        self.account = account
        self.served_s = served_s
        self.running = 0
        # Whether its place is kept from before a restart, however far behind it is.
        self.is_restored = False
        self.jobs: list[tuple[float, int, Waiting]] = []
        # Where it stands in the two orders of its line, while it may be chosen.
        self.by_service: tuple[float, float, int, Member] | None = None
        self.by_age: tuple[float, int, Member] | None = None

    @property
    def first(self) -> Waiting:
        """Its oldest job."""
        return self.jobs[0][2]


class TierLine:
    """Accounts with something to draw, in two orders.

    Both are sorted lists: moving a few thousand pointers is faster than any tree in Python. An
    account that had nothing waiting comes back at the line's virtual time: idling earns nothing.
    """

    def __init__(self, *, running_max: int | None) -> None:
        self._running_max = running_max
        self._members: dict[AccountId, Member] = {}
        self._by_service: list[tuple[float, float, int, Member]] = []
        self._by_age: list[tuple[float, int, Member]] = []
        self.virtual_s = 0.0
        self.count = 0

    def __bool__(self) -> bool:
        """Whether any account may be chosen."""
        return bool(self._by_service)

    def add(self, job: Waiting, number: int) -> None:
        """Let a job wait; `number` decides between jobs of the same moment."""
        member = self._members.get(job.account)
        if member is None:
            member = Member(account=job.account, served_s=self.virtual_s)
            self._members[job.account] = member
        insort(member.jobs, (job.arrived_s, number, job))
        self.count += 1
        if member.by_service is None or member.jobs[0][1] == number:
            self._place(member)

    def remove(self, job: Waiting, number: int) -> None:
        """Take a job out."""
        member = self._members[job.account]
        at = bisect_left(member.jobs, (job.arrived_s, number))
        del member.jobs[at]
        self.count -= 1
        if at == 0:
            self._place(member)

    def start(self, job: Waiting, number: int) -> None:
        """Take a job out because it begins, and charge its account."""
        member = self._members[job.account]
        member.running += 1
        member.served_s += job.cost_s
        at = bisect_left(member.jobs, (job.arrived_s, number))
        del member.jobs[at]
        self.count -= 1
        self._place(member)
        self.virtual_s += AGEING * job.cost_s / max(1, len(self._by_service))

    def resume(self, account: AccountId, cost_s: float, *, is_charged: bool) -> None:
        """Count a job as running that began before this line was made."""
        member = self._members.get(account)
        if member is None:
            member = Member(account=account, served_s=self.virtual_s)
            self._members[account] = member
        member.running += 1
        if not is_charged:
            member.served_s += cost_s
        self._place(member)

    def end(self, account: AccountId, correction_s: float) -> None:
        """Let one of an account's running jobs end, and correct its charge."""
        member = self._members[account]
        member.running -= 1
        member.served_s += correction_s
        self._place(member)
        if not member.jobs and not member.running and member.served_s <= self.virtual_s:
            del self._members[account]

    def pass_time(self) -> None:
        """Move virtual time up to the least-served account, as one is about to be chosen."""
        self.virtual_s = max(self.virtual_s, self._by_service[0][0])

    def least_served(self) -> Waiting:
        """Return the first job of the account that was served least."""
        return self._by_service[0][3].first

    def firsts(self, count: int, *, ahead_s: float) -> Iterator[Waiting]:
        """Yield the first jobs of the `count` least-served accounts.

        Leaves out accounts that were served `ahead_s` more than the least-served one.
        """
        if not self._by_service:
            return
        limit_s = self._by_service[0][0] + ahead_s
        for served_s, _, _, member in self._by_service[:count]:
            if served_s > limit_s:
                return
            yield member.first

    def oldest_s(self) -> float | None:
        """Return when the job that has waited longest came, of accounts that may be chosen."""
        return self._by_age[0][0] if self._by_age else None

    def first_older_than(self, moment_s: float, *, count: int) -> Waiting | None:
        """Return the first job that came before `moment_s`, of the `count` least-served accounts.

        The least-served account of those is taken, and none that is a job's worth ahead.
        """
        if not self._by_age or self._by_age[0][0] >= moment_s:
            return None
        firsts = self.firsts(count, ahead_s=self.least_served().cost_s)
        return next((job for job in firsts if job.arrived_s < moment_s), None)

    def waiting_of(self, account: AccountId) -> int:
        """Count an account's waiting jobs."""
        member = self._members.get(account)
        return 0 if member is None else len(member.jobs)

    def accounts(self) -> list[AccountId]:
        """Return the accounts that may be chosen, the least-served one first."""
        return [entry[3].account for entry in self._by_service]

    def may_begin(self, account: AccountId) -> bool:
        """Whether an account may be chosen."""
        member = self._members.get(account)
        return member is not None and member.by_service is not None

    def members(self) -> Iterator[Member]:
        """Yield all accounts that wait, run or are ahead."""
        return iter(self._members.values())

    def forget_idle(self) -> None:
        """Forget accounts that would come back where any newcomer starts."""
        idle = [
            member.account
            for member in self._members.values()
            if not member.jobs and not member.running and member.served_s <= self.virtual_s
        ]
        for account in idle:
            del self._members[account]

    def restore(self, served: dict[AccountId, float], virtual_s: float) -> None:
        """Take over what accounts had been served."""
        self.virtual_s = virtual_s
        for account, served_s in served.items():
            member = Member(account=account, served_s=served_s)
            member.is_restored = True
            self._members[account] = member

    def _place(self, member: Member) -> None:
        """Put an account where it belongs in both orders, or nowhere while it cannot be chosen."""
        was_out = member.by_service is None
        if member.by_service is not None and member.by_age is not None:
            del self._by_service[bisect_left(self._by_service, member.by_service[:3])]
            del self._by_age[bisect_left(self._by_age, member.by_age[:2])]
            member.by_service = member.by_age = None
        if not member.jobs or self._is_full(member):
            return
        if was_out and not member.is_restored:
            member.served_s = max(member.served_s, self.virtual_s)
        member.is_restored = False
        arrived_s, number, _ = member.jobs[0]
        member.by_service = (member.served_s, arrived_s, number, member)
        member.by_age = (arrived_s, number, member)
        insort(self._by_service, member.by_service)
        insort(self._by_age, member.by_age)

    def _is_full(self, member: Member) -> bool:
        return self._running_max is not None and member.running >= self._running_max
