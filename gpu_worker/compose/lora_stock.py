"""The LoRAs of a loaded model as a worker's stock: kept by what is asked for, read ahead of it."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import structlog

from backend.contracts import RenderJob
from gpu_worker.compose.controlnet import component_of
from gpu_worker.compose.demand import Demand
from gpu_worker.compose.lora_files import find_lora, list_loras
from gpu_worker.compose.wardrobe import Wardrobe
from gpu_worker.state import RenderError

_log = structlog.get_logger(__name__)


class LoraStock:
    """What of a folder lies in the host's memory, and should; for any thread."""

    def __init__(
        self, *, wardrobe: Wardrobe, demand: Demand, folder: Path, cached_bytes: int
    ) -> None:
        self._wardrobe = wardrobe
        self._demand = demand
        self._folder = folder
        self._cached_bytes = cached_bytes

    def held(self) -> frozenset[str]:
        return self._wardrobe.cached()

    @contextmanager
    def hold(self, job: RenderJob) -> Iterator[None]:
        with self._wardrobe.hold(job.outfit):
            self._demand.note(use.name for use in job.outfit)
            self._demand.note(component_of(use.name) for use in job.controls)
            yield

    def foresee(self) -> int:
        sizes = {
            name: find_lora(self._folder, name).stat().st_size for name in list_loras(self._folder)
        }
        planned = self._demand.plan(sizes, room_bytes=self._cached_bytes)
        return self.fetch(name for name in planned if name not in self._wardrobe.cached())

    def fetch(self, names: Iterable[str]) -> int:
        """Read LoRAs into the host's memory; return how many that were.

        One that cannot be had is passed over: whoever asks for it is told why.
        """
        count = 0
        for name in names:
            try:
                self._wardrobe.fetch(name)
            except RenderError as error:
                _log.warning("lora_passed_over", name=name, reason=str(error))
            else:
                count += 1
        return count
