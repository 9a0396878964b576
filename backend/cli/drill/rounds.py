"""One drill from its first request to the last job's end."""

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Final

import structlog

from backend.cli.drill.clients import Clients
from backend.cli.drill.crew import Crew
from backend.cli.drill.faults import Injector
from backend.cli.drill.ledger import Told, make_ledger
from backend.cli.drill.outcome import Outcome, shown_by_job
from backend.cli.drill.plan import FaultKind, Plan
from backend.cli.drill.recovery import ENDS, Blow, observe, settle_ended
from backend.db.audit import SqlAudit
from backend.domain.events import JobEventKind
from backend.domain.requests import JobId
from backend.service.ports import EventBus, MessageStore

POLL_S: Final = 0.1
LOOK_S: Final = 0.2
LOOK_ALL_S: Final = 5.0
# After the last fault and request: enough for three attempts, each lost to a lease running out.
PATIENCE_S: Final = 240.0
PATIENCE_PER_JOB_S: Final = 1.0
PATIENCE_PER_FAULT_S: Final = 5.0
# A bot that was killed last starts again, and sweeps every 15 s.
TELL_PATIENCE_S: Final = 40.0
LISTEN_GROUP: Final = "drill"
# So long after its death a bot may still be counted by its Discord.
BOT_COUNTED_S: Final = 0.5

_log = structlog.get_logger(__name__)


class Rounds:
    """Runs a plan against a crew and watches what comes of it."""

    def __init__(
        self,
        *,
        plan: Plan,
        crew: Crew,
        audit: SqlAudit,
        clients: Clients,
        messages: MessageStore,
        bus: EventBus,
        clock: Callable[[], datetime],
        show: Callable[[str], None],
    ) -> None:
        self._plan = plan
        self._crew = crew
        self._audit = audit
        self._clients = clients
        self._messages = messages
        self._bus = bus
        self._clock = clock
        self._show = show
        self._unfinished: set[str] = set()
        self._seen = 0
        self._looked = asyncio.Event()
        self._begun_at = 0.0
        self._injector = Injector(crew=crew, audit=audit, clock=clock, pending=self._unfinished)
        self._announced: dict[JobId, set[int]] = defaultdict(set)

    async def run(self) -> Outcome:
        """Run the plan, wait for the end of all jobs within bounds, and draw up the books."""
        watching = [
            asyncio.create_task(watch)
            for watch in (
                self._keep_alive(),
                self._look_on(),
                self._listen(),
                self._probe_gateway(),
                self._probe_bot(),
            )
        ]
        work = asyncio.create_task(self._work())
        try:
            # What watches never ends by itself: if it does, it has something to raise.
            await asyncio.wait({work, *watching}, return_when=asyncio.FIRST_COMPLETED)
            for task in (*watching, work):
                if task.done():
                    task.result()
            return await self._close_books()
        finally:
            for task in (*watching, work):
                task.cancel()
            await asyncio.gather(*watching, work, return_exceptions=True)

    async def _work(self) -> None:
        self._begun_at = time.monotonic()
        plan = self._plan
        slack_s = PATIENCE_PER_JOB_S * len(plan.requests) + PATIENCE_PER_FAULT_S * len(plan.faults)
        limit_s = plan.lasts_s + PATIENCE_S + slack_s
        try:
            async with asyncio.timeout(limit_s):
                async with asyncio.TaskGroup() as tasks:
                    tasks.create_task(self._send_requests(tasks))
                    tasks.create_task(self._inject_faults(tasks))
                await self._until_settled()
        except TimeoutError:
            _log.warning("drill.out_of_time", unfinished=len(self._unfinished))

    async def _until_settled(self) -> None:
        """Wait for the end of all jobs and blows, as of a look that began afterwards.

        Now and then the table is asked instead of the events, of which one may have been missed.
        """
        looks, look_at = 2, time.monotonic() + LOOK_ALL_S
        while looks or self._unfinished or any(blow.is_open for blow in self._injector.blows):
            self._looked.clear()
            await self._looked.wait()
            looks = max(0, looks - 1)
            if time.monotonic() >= look_at:
                jobs = await self._audit.jobs()
                self._unfinished -= {job.id for job in jobs if job.is_terminal}
                settle_ended(self._injector.blows, jobs)
                look_at = time.monotonic() + LOOK_ALL_S

    async def _send_requests(self, tasks: asyncio.TaskGroup) -> None:
        for request in self._plan.requests:
            await self._sleep_until(request.at_s)
            tasks.create_task(self._clients.ask(request))

    async def _inject_faults(self, tasks: asyncio.TaskGroup) -> None:
        for fault in self._plan.faults:
            await self._sleep_until(fault.at_s)
            await self._injector.inject(fault, tasks)

    async def _sleep_until(self, at_s: float) -> None:
        """Sleep until a moment of the plan, which shifts with the faults that come late."""
        while (left_s := self._begun_at + at_s + self._injector.late_s - time.monotonic()) > 0:  # noqa: ASYNC110 - the moment itself moves
            await asyncio.sleep(min(left_s, LOOK_S))

    async def _keep_alive(self) -> None:
        while True:
            self._crew.poll()
            await asyncio.sleep(POLL_S)

    async def _look_on(self) -> None:
        while True:
            await self._look()
            self._looked.set()
            await asyncio.sleep(LOOK_S)

    async def _look(self) -> None:
        leased = await self._audit.leased()
        stored = await self._audit.events(after=self._seen)
        if stored:
            # A place in the outbox is given before its commit: one may show up late.
            self._seen = stored[-1].sequence
        events = [each.event for each in stored]
        for event in events:
            if event.kind in ENDS:
                self._unfinished.discard(event.job_id)
            else:
                self._unfinished.add(event.job_id)
        observe(self._injector.blows, events, leased)
        done = len(self._injector.blows)
        self._show(
            f"{done}/{len(self._plan.faults)} faults, {len(self._unfinished)} jobs unfinished"
        )

    async def _listen(self) -> None:
        async for event in self._bus.listen(LISTEN_GROUP):
            if event.kind is JobEventKind.DELIVERED:
                self._announced[event.job_id].add(event.attempt)

    async def _probe_gateway(self) -> None:
        """Ask the gateway again and again while it is down."""
        while True:
            await asyncio.sleep(LOOK_S)
            begun = self._clock()
            blows = self._open_blows(FaultKind.KILL_GATEWAY, before=begun)
            if blows and await self._clients.is_answered():
                recover(blows, self._clock())

    async def _probe_bot(self) -> None:
        """Ask the offline Discord again and again, while the bot is down, whether it is back."""
        while True:
            await asyncio.sleep(LOOK_S)
            sure = self._clock() - timedelta(seconds=BOT_COUNTED_S)
            blows = self._open_blows(FaultKind.KILL_BOT, before=sure)
            if blows and await self._clients.has_bot():
                recover(blows, self._clock())

    def _open_blows(self, kind: FaultKind, *, before: datetime) -> list[Blow]:
        blows = self._injector.blows
        return [blow for blow in blows if blow.kind is kind and blow.is_open and blow.at < before]

    async def _close_books(self) -> Outcome:
        untold, unshown = await self._until_told()
        await self._look()
        messages = await self._clients.discord_messages()
        shown = shown_by_job(messages)
        jobs = await self._audit.jobs()
        told = Told(
            accepted={
                **self._clients.accepted,
                **{-1 - index: (job_id,) for index, job_id in enumerate(shown)},
            },
            announced=self._announced,
            shown_twice=[job_id for job_id, times in shown.items() if times > 1],
        )
        blows = tuple(self._injector.blows)
        ledger = make_ledger(
            jobs=jobs,
            events=[stored.event for stored in await self._audit.events()],
            entries=await self._audit.entries(),
            told=told,
            recoveries_s=[blow.recovery_s for blow in blows if blow.recovery_s is not None],
        )
        return Outcome(ledger=ledger, blows=blows, untold=untold, unshown=unshown)

    async def _until_told(self) -> tuple[int, int]:
        """Give outbox and bot a while; return how many jobs and messages they still leave."""
        give_up_at = time.monotonic() + TELL_PATIENCE_S
        while True:
            untold, unshown = await self._audit.untold(), await self._unshown()
            if time.monotonic() > give_up_at or not (untold or unshown):
                return len(untold), unshown
            await asyncio.sleep(LOOK_S)

    async def _unshown(self) -> int:
        if self._crew.discord is None:
            return 0
        application_id = int(str(self._crew.discord["application_id"]))
        return len(await self._messages.unfinished(application_id))


def recover(blows: Sequence[Blow], at: datetime) -> None:
    """Record that what these held up goes on."""
    for blow in blows:
        blow.recover(at)
