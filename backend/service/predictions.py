"""What a job will probably cost, by what the dispatcher has learned of such jobs."""

import time
from collections.abc import Callable

from backend.domain.families import ModelFamily
from backend.domain.prompts import PromptSpec
from backend.scheduling.costs import CostModel
from backend.service.ports import QueueDocuments

KEPT_S = 30.0


class Predictions:
    """Reads each family's learned costs again every `KEPT_S`; `seconds` is any steady clock.

    Without documents, nothing has been learned.
    """

    def __init__(
        self, *, documents: QueueDocuments | None, seconds: Callable[[], float] = time.monotonic
    ) -> None:
        self._documents = documents
        self._seconds = seconds
        self._kept: dict[ModelFamily, tuple[float, CostModel]] = {}

    async def predict_s(self, spec: PromptSpec) -> float:
        """Return the GPU-seconds that a job will most likely take."""
        costs = await self._costs(spec.family)
        return costs.predict_s(costs.kind_of(spec))

    async def _costs(self, family: ModelFamily) -> CostModel:
        read_at, costs = self._kept.get(family, (-KEPT_S, None))
        now = self._seconds()
        if costs is None or now - read_at >= KEPT_S:
            document = (await self._documents.load(family) if self._documents else None) or {}
            costs = CostModel(document=document.get("costs"))
            self._kept[family] = (now, costs)
        return costs
