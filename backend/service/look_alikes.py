"""Finds delivered pictures that look like one that is removed, and offers them to moderators.

What is the same byte for byte goes with it; what looks alike is a card, for a person to decide.
"""

from collections.abc import Sequence
from typing import Final

import structlog

from backend.domain.errors import ReportRepeated
from backend.domain.jobs import Job
from backend.domain.provenance import Likeness
from backend.domain.requests import AccountId, JobId
from backend.domain.results import ImageRef, ImageVariant
from backend.service.likenesses import Likenesses
from backend.service.moderation_ports import Complaint, ReviewStore
from backend.service.ports import Clock, JobStore
from backend.service.removal_ports import PictureFiles

LOOK_ALIKES_MAX: Final = 20
_log = structlog.get_logger(__name__)


class LookAlikes:
    """What looks like a picture, turned, mirrored or as a part of it, in whatever job."""

    def __init__(
        self,
        *,
        likenesses: Likenesses,
        reviews: ReviewStore,
        jobs: JobStore,
        files: PictureFiles,
        clock: Clock,
    ) -> None:
        self._likenesses = likenesses
        self._reviews = reviews
        self._jobs = jobs
        self._files = files
        self._clock = clock

    async def offer(self, copies: Sequence[tuple[Job, ImageRef]]) -> list[tuple[JobId, int]]:
        """Put what looks like these copies of a picture before moderators, nearest first.

        The files must still be there. What was offered before is not offered again.
        """
        known = {(job.id, image.index) for job, image in copies}
        offered: list[tuple[JobId, int]] = []
        for likeness in await self._near(copies):
            found = likeness.picture.job_id, likeness.picture.index
            if (
                len(offered) < LOOK_ALIKES_MAX
                and found not in known
                and await self._is_there(*found)
            ):
                known.add(found)
                offered.append(found)
                await self._open(copies[0], likeness)
        return offered

    async def _near(self, copies: Sequence[tuple[Job, ImageRef]]) -> list[Likeness]:
        """Return what is near to any of the prints; all copies have the same pixels."""
        image = copies[0][1]
        prints = await self._files.prints_of_stored(image.keys[ImageVariant.ORIGINAL])
        if not prints and image.fingerprint:
            prints = (image.fingerprint,)
        return await self._likenesses.near(prints)

    async def _is_there(self, job_id: JobId, index: int) -> bool:
        """Whether a picture is still shown: the registry remembers removed ones too."""
        job = await self._jobs.get(job_id)
        return job is not None and job.image(index) is not None

    async def _open(self, removed: tuple[Job, ImageRef], likeness: Likeness) -> None:
        job, image = removed
        name, now = f"{job.id}/{image.index}", self._clock()
        complaint = Complaint(
            # A voice for each removed picture, so that two of them count as two.
            account_id=AccountId(f"house:{name}"),
            job_id=likeness.picture.job_id,
            picture_index=likeness.picture.index,
            words=f"Looks like {name}, which is removed: {likeness.distance} of 256 bits differ.",
            at=now,
        )
        try:
            await self._reviews.complain(complaint, most_since=(LOOK_ALIKES_MAX, now))
        except ReportRepeated:
            _log.info("look_alike_offered_before", job_id=likeness.picture.job_id)
