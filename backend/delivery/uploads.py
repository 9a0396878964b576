"""The bytes of uploads: read with suspicion, screened, and kept apart from what is delivered."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import asdict

import structlog

from backend.delivery.foreign_pictures import read_picture
from backend.domain.errors import (
    CopyFound,
    PictureBlocked,
    PictureInvalid,
    Unavailable,
)
from backend.domain.judgements import PictureJudgement
from backend.domain.requests import UploadId
from backend.prompt.judging import found_of
from backend.service.ports import AdmittedPicture
from safety.errors import SafetyError
from safety.image_check import ImageCheck
from safety.policy import Policy
from safety.screen_image import screen_image
from safety.verdict import CHECK_FAILED, Finding, SafetyVerdict
from safety.weighing import AGE_AND_NUDITY
from storage import errors as storage_errors
from storage.formats import encode_png
from storage.image_store import ImageStore

SIDE_MIN = 32
# Reading a large picture takes a few hundred megabytes.
_AT_ONCE = 2
_log = structlog.get_logger(__name__)


class StoredUploads:
    """The `UploadPictures` over the image store; the checks are opened when first needed."""

    def __init__(
        self, *, images: ImageStore, open_checks: Callable[[], Sequence[ImageCheck]]
    ) -> None:
        self._images = images
        self._open_checks = open_checks
        self._checks: Sequence[ImageCheck] | None = None
        self._places = asyncio.Semaphore(_AT_ONCE)

    async def admit(self, data: bytes, *, policy: Policy) -> AdmittedPicture:
        async with self._places:
            return await asyncio.to_thread(self._admit, data, policy)

    async def keep(self, upload_id: UploadId, picture: AdmittedPicture) -> str:
        try:
            return await asyncio.to_thread(self._images.keep_upload, upload_id, picture.png)
        except storage_errors.StorageError as error:
            _log.warning("upload_not_kept", code=error.code)
            raise Unavailable from error

    async def drop(self, key: str) -> None:
        try:
            await asyncio.to_thread(self._images.drop_upload, key)
        except storage_errors.StorageError as error:
            _log.warning("upload_not_dropped", code=error.code)
            raise Unavailable from error

    def _admit(self, data: bytes, policy: Policy) -> AdmittedPicture:
        pixels = read_picture(data)
        if min(pixels.size) < SIDE_MIN:
            raise PictureInvalid
        verdict = screen_image(pixels, checks=self._opened(), policy=policy)
        if not verdict.is_clear(frozenset()):
            worst = verdict.decisive
            raise blocked_for(worst)
        width, height = pixels.size
        return AdmittedPicture(
            png=encode_png(pixels),
            width=width,
            height=height,
            judgement=_judged(verdict, policy),
        )

    def _opened(self) -> Sequence[ImageCheck]:
        """Return the checks; none at all, where they cannot be opened: then nothing is admitted."""
        if self._checks is None:
            try:
                self._checks = self._open_checks()
            except (ImportError, OSError, SafetyError):
                _log.exception("image_checks_not_opened")
                return ()
        return self._checks


def _judged(verdict: SafetyVerdict, policy: Policy) -> PictureJudgement:
    """Return what was found, as the checks made it, so that another policy can judge it."""
    # What follows from other findings is no finding of a check's own.
    found = tuple(found_of(one) for one in verdict.findings if one.check != AGE_AND_NUDITY)
    return PictureJudgement(policy=policy.id, version=policy.version, pictures=(found,))


def blocked_for(worst: Finding | None) -> PictureBlocked:
    """Return the refusal of a picture for the worst that was found in it."""
    if worst is None:
        return PictureBlocked(category=CHECK_FAILED)
    copy = None if worst.match is None else CopyFound(**asdict(worst.match))
    return PictureBlocked(category=worst.category, rule=worst.rule, copy=copy)
