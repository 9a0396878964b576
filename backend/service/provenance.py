"""Where is this picture from? One answer for the command line, REST and Discord."""

from collections.abc import Sequence
from typing import Final

from backend.domain.errors import PictureTooLarge, TooManyChecks
from backend.domain.provenance import Examination, Likeness, Origin, Provenance, Trace
from backend.domain.registered import RegisteredPicture
from backend.service.likenesses import Likenesses
from backend.service.picture_ports import Examiner, PictureStore, RateLimiter
from safety.fingerprint import Fingerprint

CHECK_BYTES_MAX: Final = 20 * 1024 * 1024
_TRUSTED, _UNTRUSTED = "trusted", "untrusted"


class ProvenanceChecks:
    """Tells of any file whether it was made here, and what of our marks has survived.

    `pictures`, and the index `likenesses` over them, are None where there is no registry to look
    into; marks are read all the same.
    """

    def __init__(
        self,
        *,
        examiner: Examiner,
        pictures: PictureStore | None,
        likenesses: Likenesses | None = None,
        limiter: RateLimiter | None = None,
    ) -> None:
        self._examiner = examiner
        self._limiter = limiter
        self._pictures = pictures
        self._likenesses = likenesses

    def must_be_welcome(self, client: str) -> None:
        """Count a question of a client, before its file is taken in.

        Raises:
            TooManyChecks: it asks too often.

        """
        wait_s = 0 if self._limiter is None else self._limiter.take(client)
        if wait_s:
            raise TooManyChecks(retry_after_s=wait_s)

    async def check(self, data: bytes) -> Provenance:
        """Examine a file.

        Raises:
            PictureInvalid: it is no picture, or damaged.
            PictureTooLarge: it has too many bytes or pixels.

        """
        if len(data) > CHECK_BYTES_MAX:
            raise PictureTooLarge(limit=f"at most {CHECK_BYTES_MAX // 2**20} MiB are read")
        seen = await self._examiner.examine(data)
        likeness = await self._likeness(seen)
        file = await self._by_digest(seen)
        marked = await self._by_registry(seen, likeness)
        traces = tuple(
            trace
            for trace, is_there in (
                (Trace.FILE, file is not None),
                (Trace.C2PA, seen.manifest.state == _TRUSTED),
                (Trace.WATERMARK, seen.mark.is_present),
                (Trace.SIGNATURE, seen.signature is not None and seen.signature.is_present),
                (Trace.FINGERPRINT, likeness is not None),
            )
            if is_there
        )
        return Provenance(
            origin=_origin(seen, traces),
            traces=traces,
            manifest=seen.manifest,
            mark=seen.mark,
            likeness=likeness,
            picture=file or marked or (likeness.picture if likeness else None),
            signature=seen.signature,
        )

    async def _likeness(self, seen: Examination) -> Likeness | None:
        if self._likenesses is None:
            return None
        return await self._likenesses.nearest(
            [Fingerprint(bytes.fromhex(one), seen.fingerprint_quality) for one in seen.fingerprints]
        )

    async def _by_digest(self, seen: Examination) -> RegisteredPicture | None:
        return None if self._pictures is None else await self._pictures.by_digest(seen.sha256)

    async def _by_registry(
        self, seen: Examination, likeness: Likeness | None
    ) -> RegisteredPicture | None:
        """Return the picture that a trusted manifest, or else the watermark, names."""
        if self._pictures is None:
            return None
        is_ours = seen.manifest.state == _TRUSTED and len(seen.manifest.registry_ids) == 1
        named = seen.manifest.registry_ids if is_ours else ()
        payload = seen.mark.payload if seen.mark.is_present else None
        for registry_id in (*named, payload):
            if registry_id is not None:
                found = await self._pictures.by_registry_id(registry_id)
                if found:
                    return _likeliest(found, likeness)
        return None


def _likeliest(found: Sequence[RegisteredPicture], likeness: Likeness | None) -> RegisteredPicture:
    """Of pictures that share an id by chance, return the one that it looks like, else the first."""
    alike = likeness and likeness.picture
    return next((one for one in found if one == alike), found[0])


def _origin(seen: Examination, traces: Sequence[Trace]) -> Origin:
    if traces:
        return Origin.OURS
    return Origin.OTHER if seen.manifest.state == _UNTRUSTED else Origin.UNKNOWN
