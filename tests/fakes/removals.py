"""The twin of what is kept of removals, over the same `Memory` as the jobs."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from backend.domain.removals import PlaceKind, Removal, RemovalId, RemovalPlace, RemovalRequest
from backend.domain.requests import JobId
from backend.domain.reviews import Decision
from backend.service import on_record
from backend.service.moderation_ports import Card
from tests.fakes.stores import Memory


class MemoryRemovalStore:
    """The `RemovalStore` in memory."""

    def __init__(self, *, memory: Memory, cards: Mapping[str, Card]) -> None:
        self.memory = memory
        self._cards = cards
        self.removals: dict[RemovalId, Removal] = {}
        self.asked: list[RemovalRequest] = []
        self._messages: list[tuple[JobId, int, int]] = []

    async def begin(self, removal: Removal) -> Removal:
        for known in self.removals.values():
            if (known.job_id, known.picture_index) == (removal.job_id, removal.picture_index):
                return known
        jobs = [place.name.rpartition("/")[0] for place in removal.places if _lists(place)]
        posted = [(c, m) for owner, c, m in self._messages if owner in {removal.job_id, *jobs}]
        removal = removal.with_messages(posted)
        self.removals[removal.id] = removal
        self.memory.audit.append(on_record.removal_begun(removal))
        return removal

    async def get(self, removal_id: RemovalId) -> Removal | None:
        return self.removals.get(removal_id)

    async def of_picture(self, job_id: JobId, index: int) -> Removal | None:
        for removal in self.removals.values():
            if (removal.job_id, removal.picture_index) == (job_id, index):
                return removal
        return None

    async def unfinished(
        self, limit: int, kinds: Collection[PlaceKind], *, but_in: Collection[int] = ()
    ) -> list[Removal]:
        lost = tuple(f"{channel_id}/" for channel_id in but_in)

        def is_left(place: RemovalPlace) -> bool:
            is_wanted = place.kind in kinds and not place.name.startswith(lost)
            return is_wanted and place.confirmed_at is None

        found = [one for one in self.removals.values() if any(map(is_left, one.places))]
        return sorted(found, key=lambda one: (one.at, one.id))[:limit]

    async def confirm(
        self, removal_id: RemovalId, place: RemovalPlace, *, at: datetime, proof: str
    ) -> None:
        removal = self.removals[removal_id]
        if place not in removal.places or place.confirmed_at is not None:
            return
        done = replace(place, confirmed_at=at, proof=proof)
        places = tuple(done if one == place else one for one in removal.places)
        self.removals[removal_id] = replace(removal, places=places)
        self.memory.audit.append(on_record.removal_confirmed(removal_id, place, proof, at=at))
        for review in tuple(self.memory.reviews.values()):
            is_of_it = (review.job_id, review.picture_index) == (
                removal.job_id,
                removal.picture_index,
            )
            if is_of_it and review.decision is Decision.REMOVED:
                self.memory.reviews[review.id] = replace(review, version=review.version + 1)

    async def copies_of(self, digests: Sequence[str]) -> list[tuple[JobId, int]]:
        return [
            (job.id, image.index)
            for job in self.memory.jobs.values()
            if job.result is not None
            for image in job.result.images
            if {image.sha256, *image.digests.values()} & set(digests)
        ]

    async def take_from_gallery(self, job_id: JobId, index: int, *, at: datetime) -> None:
        job = self.memory.jobs.get(job_id)
        if job is None or job.result is None or job.result.without(index) == job.result:
            return
        self.memory.jobs[job_id] = replace(
            job,
            result=job.result.without(index),
            version=job.version + 1,
            updated_at=at,
        )

    async def note_message(
        self, job_id: JobId, channel_id: int, message_id: int, *, shown: Collection[int]
    ) -> None:
        self._messages.append((job_id, channel_id, message_id))
        names = {f"{job_id}/{index}" for index in shown}
        for removal in tuple(self.removals.values()):
            if any(_lists(place) and place.name in names for place in removal.places):
                found = removal.with_messages([(channel_id, message_id)])
                self.removals[removal.id] = found

    async def messages_of(self, job_id: JobId) -> list[tuple[int, int]]:
        return [(c, m) for owner, c, m in dict.fromkeys(self._messages) if owner == job_id]

    async def add_request(self, request: RemovalRequest) -> None:
        self.asked.append(request)
        self.memory.audit.append(on_record.removal_requested(request))

    async def request_by(self, token_digest: str) -> RemovalRequest | None:
        return next((one for one in self.asked if one.token_digest == token_digest), None)

    async def unseen_requests(self, *, since: datetime) -> list[RemovalRequest]:
        shown = {card.subject_id for card in self._cards.values() if card.message_id}
        found = [one for one in self.asked if one.at >= since and not one.review_ids]
        return sorted((one for one in found if one.id not in shown), key=lambda one: one.at)

    async def requests(self, *, since: datetime, limit: int) -> list[RemovalRequest]:
        found = [one for one in self.asked if one.at >= since]
        return sorted(found, key=lambda one: one.at, reverse=True)[:limit]


def _lists(place: RemovalPlace) -> bool:
    return place.kind is PlaceKind.GALLERY
