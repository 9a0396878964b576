"""Does to the processes what a plan says, and notes what was in their hands at that moment."""

import asyncio
import signal
import time
from collections.abc import Callable
from datetime import datetime
from typing import Final, assert_never

import structlog
from redis.exceptions import RedisError

from backend.cli.drill.crew import (
    BOT,
    BROKER,
    DISPATCHER_NAMES,
    GATEWAY,
    Crew,
)
from backend.cli.drill.plan import FaultKind, PlannedFault
from backend.cli.drill.recovery import Blow, hands_of
from backend.db.audit import SqlAudit
from backend.domain.jobs import Job

PATIENCE_S: Final = 0.2
WORKERS_PATIENCE_S: Final = 60.0

_log = structlog.get_logger(__name__)


class Injector:
    """Injects faults one after the other; those that last are lifted in the background.

    `late_s` is how long faults have waited for enough workers: the rest of the plan shifts by it.
    """

    def __init__(
        self, *, crew: Crew, audit: SqlAudit, clock: Callable[[], datetime], pending: set[str]
    ) -> None:
        self._crew = crew
        self._audit = audit
        self._clock = clock
        self._pending = pending
        self.blows: list[Blow] = []
        self.late_s = 0.0

    async def inject(self, fault: PlannedFault, tasks: asyncio.TaskGroup) -> None:
        """Do one fault now."""
        match fault.kind:
            case FaultKind.KILL_WORKER:
                name = await self._worker(fault)
                await self._kill(fault, name)
            case FaultKind.PAUSE_WORKER | FaultKind.HANG_WORKER | FaultKind.HANG_AND_KILL_WORKER:
                await self._stop(fault, await self._worker(fault), tasks)
            case FaultKind.NOTICE_WORKER:
                await self._give_notice(fault, await self._worker(fault), tasks)
            case FaultKind.KILL_DISPATCHER:
                await self._kill(fault, DISPATCHER_NAMES[int(fault.pick * len(DISPATCHER_NAMES))])
            case FaultKind.KILL_BOTH_DISPATCHERS:
                await self._kill(fault, *DISPATCHER_NAMES)
            case FaultKind.KILL_GATEWAY:
                await self._kill(fault, GATEWAY)
            case FaultKind.KILL_BOT:
                await self._kill(fault, BOT)
            case FaultKind.KILL_BROKER:
                await self._kill(fault, BROKER)
            case FaultKind.WIPE_BROKER:
                await self._wipe(fault)
            case _:
                assert_never(fault.kind)

    async def _kill(self, fault: PlannedFault, *names: str) -> None:
        blow = await self._note(fault, names[0])
        for name in names:
            self._crew.signal(name, signal.SIGKILL)
        self._begin(blow)

    async def _stop(self, fault: PlannedFault, name: str, tasks: asyncio.TaskGroup) -> None:
        blow = await self._note(fault, name)
        process_id = self._crew.process_id(name)
        self._crew.signal(name, signal.SIGSTOP)
        self._begin(blow)
        tasks.create_task(self._lift(fault, blow, name, process_id))

    async def _lift(self, fault: PlannedFault, blow: Blow, name: str, process_id: int) -> None:
        await asyncio.sleep(fault.hold_s)
        if self._crew.process_id(name) != process_id:
            return
        if fault.kind is FaultKind.HANG_AND_KILL_WORKER:
            self._crew.signal(name, signal.SIGKILL)
        else:
            blow.same_attempt_from = self._clock()
            self._crew.signal(name, signal.SIGCONT)

    async def _give_notice(self, fault: PlannedFault, name: str, tasks: asyncio.TaskGroup) -> None:
        blow = await self._note(fault, name)
        blow.same_attempt_from = blow.at
        process_id = self._crew.process_id(name)
        self._crew.signal(name, signal.SIGTERM)
        self._begin(blow)
        tasks.create_task(self._end_notice(fault, name, process_id))

    async def _end_notice(self, fault: PlannedFault, name: str, process_id: int) -> None:
        await asyncio.sleep(fault.hold_s)
        if self._crew.process_id(name) == process_id:
            self._crew.signal(name, signal.SIGKILL)

    async def _wipe(self, fault: PlannedFault) -> None:
        blow = await self._note(fault, BROKER)
        try:
            await asyncio.to_thread(self._crew.wipe_broker)
        except RedisError:
            # It is just starting again after another fault, with as little in it.
            _log.info("drill.wipe_found_no_broker")
        self._begin(blow)

    async def _worker(self, fault: PlannedFault) -> str:
        """Choose a worker that is there and not stopped; wait while there are fewer than two.

        Nothing but its own start would be measured were the last one hit, or one that is starting.
        """
        give_up_at = time.monotonic() + WORKERS_PATIENCE_S
        begun_at = time.monotonic()
        while True:
            able = await asyncio.to_thread(self._crew.able_workers)
            if len(able) > 1 or (able and time.monotonic() >= give_up_at):
                self.late_s += time.monotonic() - begun_at
                return able[int(fault.pick * len(able))]
            await asyncio.sleep(PATIENCE_S)

    async def _note(self, fault: PlannedFault, name: str) -> Blow:
        """Write down what is in the process' hands, right before it is hit."""
        leased = await self._audit.leased()
        kind = fault.kind
        survives = kind in (
            FaultKind.KILL_DISPATCHER,
            FaultKind.KILL_BOTH_DISPATCHERS,
            FaultKind.WIPE_BROKER,
            FaultKind.KILL_BROKER,
        )
        now = self._clock()
        return Blow(
            kind=kind,
            process=name,
            at=now,
            hands=hands_of(self._in_hands(kind, name, leased)),
            same_attempt_from=now if survives else None,
            had_work=bool(self._pending) or kind in (FaultKind.KILL_GATEWAY, FaultKind.KILL_BOT),
        )

    def _in_hands(self, kind: FaultKind, name: str, leased: list[Job]) -> list[Job]:
        match kind:
            case FaultKind.KILL_GATEWAY | FaultKind.KILL_BOT:
                return []
            case FaultKind.KILL_DISPATCHER | FaultKind.KILL_BOTH_DISPATCHERS:
                return leased
            case FaultKind.WIPE_BROKER | FaultKind.KILL_BROKER:
                return [job for job in leased if not self._crew.holder_of(job)]
            case _:
                worker = self._crew.worker_name(name)
                return [job for job in leased if self._crew.holder_of(job) == worker]

    def _begin(self, blow: Blow) -> None:
        self.blows.append(blow)
        _log.info("drill.fault", kind=blow.kind, process=blow.process, in_hand=len(blow.hands))
