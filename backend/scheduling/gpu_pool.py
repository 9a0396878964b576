"""The seam to GPUs: whatever provides workers says how many jobs they can take at once."""

from typing import Protocol

from backend.domain.families import ModelFamily


class GpuPool(Protocol):
    """A set of worker processes, wherever they run."""

    async def slots(self) -> dict[ModelFamily, int]:
        """Return the slots of live workers by family; a family without workers is left out."""
