"""Pixels → ApprovedImage → MarkedImage → SignedImage → StoredImage: each stage takes the last's.

All pictures of a job are screened before any is stored: one held picture holds the job.
"""

import gc
import random
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from io import BytesIO
from typing import Final

import structlog
from PIL import Image

from gpu_worker.release.doorway import Doorway
from gpu_worker.release.marking import NO_CREDENTIALS, Marker, SignedImage, blur, lay_out
from gpu_worker.release.papers import Papers
from gpu_worker.release.screening import Held, Screening
from gpu_worker.state import OutOfMemory, StorageFull, StorageUnavailable
from gpu_worker.vitals import ProvenanceReading
from safety.errors import NotApproved, NotMarked
from safety.fingerprint import Fingerprint
from safety.policy import Policy
from safety.verdict import ApprovedImage, Finding, SafetyVerdict, failed_check
from storage import errors as storage_errors
from storage.image_store import ImageStore, KeptImage

# The first pause before a store that is away is asked again, and the longest.
STORE_PAUSES_S: Final = (0.25, 4.0)

PREVIEW_QUALITY: Final = 75

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True)
class StoredImage:
    """A picture in the store, made by `store` from a signed one."""

    kept: KeptImage
    registry_id: int
    fingerprint: Fingerprint
    is_spoiler: bool = False
    found: tuple[Finding, ...] = ()


@dataclass(frozen=True, kw_only=True)
class ReleasedPreview:
    """Pictures on their way, as one small WebP; made by `show_together` from approved ones."""

    webp: bytes
    is_blurred: bool


def show_together(images: Sequence[ApprovedImage], *, blur_score: float) -> ReleasedPreview:
    """Lay pictures side by side, all blurred if a check's score of any reaches `blur_score`."""
    is_blurred = any(
        image.verdict.is_spoiler or _worst_score(image.verdict) >= blur_score for image in images
    )
    pictures = [image.pixels for image in images]
    if is_blurred:
        pictures = [blur(picture) for picture in pictures]
    grid, buffer = lay_out(pictures), BytesIO()
    grid.save(buffer, format="WEBP", quality=PREVIEW_QUALITY)
    return ReleasedPreview(webp=buffer.getvalue(), is_blurred=is_blurred)


def _worst_score(verdict: SafetyVerdict) -> float:
    return max((finding.score or 0.0 for finding in verdict.findings), default=0.0)


def store(image: SignedImage, *, images: ImageStore) -> StoredImage:
    """Keep the files of a picture as they were signed.

    Raises:
        StorageFull, StorageUnavailable: it could not be kept.

    """
    try:
        kept = images.keep({str(one): data for one, data in image.files.items()}, name=image.name)
    except storage_errors.StorageFull as error:
        raise StorageFull("The picture could not be stored: the disk is full.") from error
    except storage_errors.StorageError as error:
        raise StorageUnavailable(f"The picture could not be stored ({error.code}).") from error
    return StoredImage(kept=kept, registry_id=image.registry_id, fingerprint=image.fingerprint)


class ReleasePipeline:
    """Takes the pictures of one job all the way out, or holds them all."""

    def __init__(
        self,
        *,
        screening: Screening,
        check_timeout_s: float,
        images: ImageStore,
        marker: Marker,
        preview_timeout_s: float = 5.0,
        preview_blur_score: float = 0.2,
        store_retry_s: float = 0.0,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
        doorway: Doorway | None = None,
    ) -> None:
        self._doorway = doorway or Doorway()
        self._screening = screening
        self._check_timeout_s = check_timeout_s
        self._images = images
        self._marker = marker
        self._preview_timeout_s = preview_timeout_s
        self._preview_blur_score = preview_blur_score
        self._store_retry_s = store_retry_s
        self._sleep = sleep
        self._clock = clock

    def release(
        self,
        pictures: Sequence[Image.Image],
        *,
        clearances: frozenset[str],
        papers: Papers,
        words: str = "",
        policy: Policy | None = None,
        must_go_on: Callable[[], None] = lambda: None,
    ) -> tuple[StoredImage, ...]:
        """Screen, mark, sign and store pictures; a store that is away is waited for.

        They were drawn by `words`, and are judged by their own `policy` if they have one.
        Few jobs' pictures pass at once, and none stands in their way while it waits for the store.
        `must_go_on` is called while waiting, and ends that by raising. Where the host has no
        memory for it, it is tried once more: what was stored already is found, and not stored
        again.

        Raises:
            Held: at least one may not leave, or cannot be marked; nothing was stored.
            StorageFull, StorageUnavailable: they could not all be kept.
            OutOfMemory: there was no memory for it.

        """
        for is_last in (False, True):
            try:
                with self._doorway.passing(must_go_on):
                    approved = self._screening.approve(
                        pictures,
                        clearances=clearances,
                        timeout_s=self._check_timeout_s,
                        words=words,
                        policy=policy,
                    )
                    signed = self._sign(approved, papers)
                return self._keep(approved, signed, must_go_on)
            except MemoryError as error:
                _log.warning("out_of_memory", stage="release", again=not is_last)
                traceback.clear_frames(error.__traceback__)
                gc.collect()
        raise OutOfMemory("The picture could not be stored: it did not fit into memory.")

    def _keep(
        self,
        approved: Sequence[ApprovedImage],
        signed: Sequence[SignedImage],
        must_go_on: Callable[[], None],
    ) -> tuple[StoredImage, ...]:
        give_up_at = self._clock() + self._store_retry_s
        stored = [self._store(image, give_up_at, must_go_on) for image in signed]
        return tuple(
            replace(one, is_spoiler=image.verdict.is_spoiler, found=image.verdict.findings)
            for one, image in zip(stored, approved, strict=True)
        )

    def _sign(self, approved: Sequence[ApprovedImage], papers: Papers) -> tuple[SignedImage, ...]:
        """Mark and sign pictures.

        Raises:
            Held: one cannot be; unmarked and unsigned nothing leaves.

        """
        try:
            marked = [
                self._marker.mark(image, registry_id)
                for image, registry_id in zip(approved, papers.registry_ids, strict=True)
            ]
            return self._marker.sign(marked, papers)
        except NotMarked as error:
            _log.error("provenance_failed", reason=error.reason)
            raise Held(failed_check("provenance", error.reason)) from error
        except NotApproved as error:
            _log.error("pixels_changed")
            raise Held(failed_check("release", "pixels_changed")) from error

    def provenance(self) -> ProvenanceReading:
        """Return how marking and signing are now."""
        return self._marker.reading()

    def list_states(self) -> Mapping[str, str]:
        """Return what is the trouble with each list of known pictures, as a word; "" if none is.

        It may wait for a store, and for a list to be read.
        """
        return self._screening.list_states()

    def trouble_behind(self, rule: str) -> str:
        """Return why pictures of any job would be held by a failed check as this one's were.

        It is "" where that was about the one job.
        """
        if rule.startswith(NO_CREDENTIALS):
            return "pictures cannot be signed"
        name, _, reason = rule.rpartition(".")
        if self.list_states().get(name):
            return f"the list of known pictures {name} is {reason}"
        return ""

    def release_preview(
        self,
        pictures: Sequence[Image.Image],
        *,
        clearances: frozenset[str],
        papers: Papers,
        words: str = "",
        policy: Policy | None = None,
    ) -> ReleasedPreview:
        """Screen pictures that are still being drawn, and sign what shows them; nothing is stored.

        Raises:
            Held: at least one may not be shown, or no check came to a judgement in time.

        """
        approved = self._screening.approve(
            pictures,
            clearances=clearances,
            timeout_s=self._preview_timeout_s,
            words=words,
            policy=policy,
        )
        shown = show_together(approved, blur_score=self._preview_blur_score)
        try:
            return replace(shown, webp=self._marker.sign_preview(shown.webp, papers))
        except NotMarked as error:
            raise Held(failed_check("provenance", error.reason)) from error

    def _store(
        self, image: SignedImage, give_up_at: float, must_go_on: Callable[[], None]
    ) -> StoredImage:
        """Store a picture, again and again: it is drawn, and drawing it anew helps nobody.

        No more jobs wait here than the worker has slots.
        """
        pause_s = STORE_PAUSES_S[0]
        while True:
            try:
                return store(image, images=self._images)
            except StorageUnavailable as error:
                if self._clock() >= give_up_at:
                    raise
                _log.warning("store_waits", reason=str(error))
            must_go_on()
            # Workers that wait together must not come back together.
            self._sleep(pause_s * random.uniform(0.5, 1.0))  # noqa: S311 - no secret
            pause_s = min(2 * pause_s, STORE_PAUSES_S[1])
