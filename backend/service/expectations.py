"""When a job would begin that is not in line: the line as it stands, run forward with it."""

import asyncio
from dataclasses import replace

from backend.domain.errors import Unavailable
from backend.domain.outlook import Outlook
from backend.domain.prompts import PromptSpec
from backend.domain.requests import AccountId, JobId
from backend.scheduling.waiting import Waiting
from backend.service.ports import Clock, Gauges
from backend.service.turns import OpenTurns

_NOT_IN_LINE = JobId("gen_not_in_line")


class Expectations:
    """Looks ahead without touching the line: what it reads it keeps to itself."""

    def __init__(self, *, gauges: Gauges, open_turns: OpenTurns, clock: Clock) -> None:
        self._gauges = gauges
        self._open_turns = open_turns
        self._clock = clock

    async def of(self, spec: PromptSpec, account: AccountId, *, cost_s: float) -> Outlook | None:
        """Return what a job would be told if it came now; None if nobody draws or can tell."""
        try:
            board = await self._gauges.read()
        except Unavailable:
            return None
        gauges = board.families.get(spec.family)
        if gauges is None or gauges.slots < 1:
            return None
        turns = self._open_turns(spec.family)
        async with turns.lock:
            await turns.look()
            foresight = turns.foresight(slots=gauges.slots)
        job = Waiting(
            job_id=_NOT_IN_LINE,
            account=account,
            tier=spec.tier,
            cost_s=cost_s,
            arrived_s=self._clock().timestamp(),
            adapters=frozenset(spec.adapters),
        )
        ahead = replace(foresight, waiting=[*foresight.waiting, job])
        foreseen = await asyncio.to_thread(ahead.look_ahead)
        told = foreseen.get(_NOT_IN_LINE)
        return None if told is None else told.outlook
