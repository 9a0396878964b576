"""The seam to GPUs: whatever provides workers says who is there and who asks for work."""

from dataclasses import dataclass
from typing import Protocol

from backend.domain.families import ModelFamily
from backend.scheduling.waiting import NOTHING


@dataclass(frozen=True, kw_only=True, slots=True)
class LiveWorker:
    """A worker that is there: it draws `slots` jobs at once and asks for `wants` more.

    `adapters` are those it has loaded, `controlnets` all that may be named to it. One without a
    queue of its own takes from the tiers' only.
    """

    name: str
    family: ModelFamily
    slots: int = 1
    wants: int = 0
    adapters: frozenset[str] = NOTHING
    controlnets: frozenset[str] = NOTHING
    has_own_queue: bool = True


class GpuPool(Protocol):
    """A set of worker processes, wherever they run."""

    async def workers(self) -> list[LiveWorker]:
        """Return the live workers, with what they ask for at this moment."""
