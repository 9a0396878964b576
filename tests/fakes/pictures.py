"""The registry of delivered pictures in memory, read off the jobs of a `Memory`."""

from backend.domain.events import JobEventKind
from backend.domain.registered import RegisteredPicture
from tests.fakes.stores import Memory


class MemoryPictureStore:
    """The `PictureStore` in memory."""

    def __init__(self, *, memory: Memory) -> None:
        self._memory = memory

    async def by_registry_id(self, registry_id: int) -> list[RegisteredPicture]:
        return [one for one in self._all() if one.registry_id == registry_id]

    async def by_digest(self, sha256: str) -> RegisteredPicture | None:
        for one in self._all():
            image = self._memory.jobs[one.job_id].result.images[one.index]
            if sha256 in image.digests.values():
                return one
        return None

    async def delivered_after(self, sequence: int, limit: int) -> list[RegisteredPicture]:
        return [one for one in self._all() if one.sequence > sequence][:limit]

    def _all(self) -> list[RegisteredPicture]:
        found = []
        for stored in self._memory.events:
            event = stored.event
            if event.kind is not JobEventKind.DELIVERED:
                continue
            for image in self._memory.jobs[event.job_id].result.images:
                if image.registry_id is not None:
                    found.append(
                        RegisteredPicture(
                            sequence=len(found) + 1,
                            registry_id=image.registry_id,
                            job_id=event.job_id,
                            index=image.index,
                            fingerprint=image.fingerprint,
                            fingerprint_quality=image.fingerprint_quality,
                            delivered_at=event.at,
                        )
                    )
        return found
