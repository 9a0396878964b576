"""Removes a picture everywhere and confirms it place by place; whatever stops it, it goes on."""

import secrets
from collections.abc import Callable, Collection, Sequence

import structlog

from backend.domain.errors import ImageNotFound, JobNotFound, Unavailable
from backend.domain.jobs import Job
from backend.domain.removals import PlaceKind, Removal, RemovalId, RemovalPlace
from backend.domain.requests import AccountId, JobId, Requester
from backend.domain.results import ImageRef, ImageVariant
from backend.domain.reviews import Decision, Review
from backend.service.generations import image_of
from backend.service.look_alikes import LookAlikes
from backend.service.moderators import Moderators
from backend.service.ports import Clock, JobStore, MessageStore, Previews
from backend.service.removal_ports import PictureFiles, RemovalStore

BATCH = 50
# Each is looked for by itself: however many wait for the bot, a picture's files do not.
_OURS = (PlaceKind.FINGERPRINT, PlaceKind.GALLERY, PlaceKind.OBJECT, PlaceKind.PREVIEW)
_THE_BOTS = (PlaceKind.MESSAGE,)
_log = structlog.get_logger(__name__)


def new_removal_id() -> RemovalId:
    """Make an id."""
    return RemovalId("rem_" + secrets.token_hex(10))


class Removals:
    """The use cases around removal. Messages are the bot's to delete; all else is done here."""

    def __init__(
        self,
        *,
        store: RemovalStore,
        jobs: JobStore,
        messages: MessageStore,
        files: PictureFiles,
        previews: Previews,
        look_alikes: LookAlikes,
        moderators: Moderators,
        clock: Clock,
        make_id: Callable[[], RemovalId] = new_removal_id,
    ) -> None:
        self._store = store
        self._jobs = jobs
        self._messages = messages
        self._files = files
        self._previews = previews
        self._look_alikes = look_alikes
        self._moderators = moderators
        self._clock = clock
        self._make_id = make_id

    async def remove(
        self, job_id: JobId, index: int, requester: Requester, *, reason: str
    ) -> Removal:
        """Begin to remove a picture with every copy of it, and do what can be done at once.

        What only looks like it is put before moderators, and stays until they have decided. A
        removal that was begun before is gone on with, and returned.

        Raises:
            ModeratorsOnly, AccountSuspended: the requester may not decide.
            JobNotFound, JobNotDelivered, ImageNotFound: there is no such picture.

        """
        await self._moderators.must_moderate(requester)
        return await self.remove_unasked(job_id, index, by=requester.account_id, reason=reason)

    async def remove_unasked(
        self, job_id: JobId, index: int, *, by: AccountId, reason: str
    ) -> Removal:
        """Remove a picture as `remove` does; whoever calls has asked whether `by` may.

        Raises:
            JobNotFound, JobNotDelivered, ImageNotFound: there is no such picture.

        """
        job = await self._jobs.get(job_id)
        if job is None:
            raise JobNotFound
        begun = await self._store.of_picture(job_id, index)
        if begun is not None:
            # The job may list the picture no more; whoever begins again sees it to its end.
            return await self._driven(begun)
        copies = await self._copies_of(job, image_of(job, index))
        places = await self._places_of(copies)
        # While there are files to take prints of; what is offered twice is one card.
        await self._look_alikes.offer(copies)
        removal = await self._store.begin(
            Removal(
                id=self._make_id(),
                job_id=job_id,
                picture_index=index,
                by=by,
                reason=reason,
                at=self._clock(),
                places=tuple(places),
            )
        )
        return await self._driven(removal)

    async def get(self, removal_id: RemovalId, requester: Requester) -> Removal:
        """Return a removal with the confirmation of each place.

        Raises:
            ModeratorsOnly, AccountSuspended: the requester may not decide.
            ImageNotFound: there is no such removal.

        """
        await self._moderators.must_moderate(requester)
        removal = await self._store.get(removal_id)
        if removal is None:
            raise ImageNotFound
        return removal

    async def of_review(self, review: Review) -> Removal | None:
        """Return what became of the removal that a review came to, None if it came to none."""
        if review.decision is not Decision.REMOVED or review.picture_index is None:
            return None
        return await self._store.of_picture(review.job_id, review.picture_index)

    async def drive(self) -> int:
        """Go on with all but messages, which are the bot's; return how many removals that were."""
        removals = await self._store.unfinished(BATCH, _OURS)
        for removal in removals:
            await self._drive(removal)
        return len(removals)

    async def messages_left(
        self, *, but_in: Collection[int] = ()
    ) -> list[tuple[Removal, RemovalPlace]]:
        """Return messages that are still to be deleted, but for those in some channels.

        So those that cannot be reached stand in no other's way.
        """
        return [
            (removal, place)
            for removal in await self._store.unfinished(BATCH, _THE_BOTS, but_in=but_in)
            for place in _unconfirmed(removal, PlaceKind.MESSAGE)
        ]

    async def message_gone(self, removal: Removal, place: RemovalPlace, *, proof: str) -> None:
        """Record that a message is gone."""
        await self._store.confirm(removal.id, place, at=self._clock(), proof=proof)

    async def note_message(
        self, job_id: JobId, channel_id: int, message_id: int, *, shown: Collection[int]
    ) -> None:
        """Note a message in which these pictures of a job were posted.

        If one of them was removed while it was on its way, the message is removed as well.
        """
        await self._store.note_message(job_id, channel_id, message_id, shown=shown)

    async def _driven(self, removal: Removal) -> Removal:
        await self._drive(removal)
        return await self._store.get(removal.id) or removal

    async def _drive(self, removal: Removal) -> None:
        try:
            for place in _unconfirmed(removal, PlaceKind.FINGERPRINT):
                await self._files.block(place.name, removal.id)
                await self._confirm(removal, place, "listed: neither drawn nor taken in again")
            for place in _unconfirmed(removal, PlaceKind.GALLERY):
                job_id, _, index = place.name.rpartition("/")
                now = self._clock()
                await self._store.take_from_gallery(JobId(job_id), int(index), at=now)
                await self._confirm(removal, place, "the job lists it no more")
            await self._remove_objects(removal, _unconfirmed(removal, PlaceKind.OBJECT))
            for place in _unconfirmed(removal, PlaceKind.PREVIEW):
                if (job := await self._jobs.get(JobId(place.name))) is not None:
                    await self._previews.forget(job)
                await self._confirm(removal, place, "none of its attempts has one")
        except Unavailable:
            # The next round goes on from here.
            _log.warning("removal_waits", removal_id=removal.id)

    async def _remove_objects(self, removal: Removal, places: Sequence[RemovalPlace]) -> None:
        if not places:
            return
        gone, proof = await self._files.remove([place.name for place in places])
        for place in places:
            if gone.get(place.name, False):
                await self._confirm(removal, place, f"sha256:{proof}")

    async def _confirm(self, removal: Removal, place: RemovalPlace, proof: str) -> None:
        await self._store.confirm(removal.id, place, at=self._clock(), proof=proof)

    async def _places_of(self, copies: Sequence[tuple[Job, ImageRef]]) -> list[RemovalPlace]:
        keys = {key for _, copy in copies for key in copy.keys.values()}
        # Where it is seen beside the others of its job.
        keys |= {key for job, _ in copies for one in job.images for key in one.together.values()}
        names = {
            PlaceKind.FINGERPRINT: await self._fingerprints(copies),
            PlaceKind.GALLERY: {f"{owner.id}/{copy.index}" for owner, copy in copies},
            PlaceKind.OBJECT: keys,
            PlaceKind.PREVIEW: {str(owner.id) for owner, _ in copies},
            PlaceKind.MESSAGE: await self._message_names([owner.id for owner, _ in copies]),
        }
        return [
            RemovalPlace(kind=kind, name=name) for kind in names for name in sorted(names[kind])
        ]

    async def _copies_of(self, job: Job, image: ImageRef) -> list[tuple[Job, ImageRef]]:
        """Return the picture and all that are the same, byte for byte, in whatever job."""
        found = {(job.id, image.index): (job, image)}
        digests = {image.sha256, *image.digests.values()}
        for job_id, index in await self._store.copies_of(sorted(digests)):
            owner = await self._jobs.get(job_id)
            if owner is not None and owner.result is not None:
                found |= {
                    (job_id, one.index): (owner, one)
                    for one in owner.result.images
                    if one.index == index
                }
        return list(found.values())

    async def _fingerprints(self, copies: Sequence[tuple[Job, ImageRef]]) -> set[str]:
        prints = {copy.fingerprint for _, copy in copies if copy.fingerprint}
        if not prints:
            key = copies[0][1].keys[ImageVariant.ORIGINAL]
            prints = {await self._files.fingerprint_of_stored(key)}
        return prints - {""}

    async def _message_names(self, job_ids: Sequence[JobId]) -> set[str]:
        names = set()
        for job_id in dict.fromkeys(job_ids):
            names |= {f"{c}/{m}" for c, m in await self._store.messages_of(job_id)}
            shown = await self._messages.get(job_id)
            if shown is not None:
                names.add(f"{shown.channel_id}/{shown.message_id}")
        return names


def _unconfirmed(removal: Removal, kind: PlaceKind) -> list[RemovalPlace]:
    return [one for one in removal.places if one.kind is kind and one.confirmed_at is None]
