"""Reads where a file is from: its manifest, our watermark, its fingerprints."""

import asyncio
import hashlib
from collections.abc import Callable, Sequence

import structlog
from PIL import Image

from backend.delivery.foreign_pictures import read_picture
from backend.domain.errors import Unavailable
from backend.domain.provenance import Examination, Manifest, Mark
from safety.errors import MarkImpossible
from safety.fingerprint import dihedrals
from safety.provenance.c2pa import C2paReading, read
from safety.provenance.watermark import Watermark
from storage import errors as storage_errors
from storage.formats import content_type, sniff

_AT_ONCE = 2
_MANY_IDS = 32

_log = structlog.get_logger(__name__)


class FileExaminer:
    """The `Examiner` with the installation's own keys; marks are opened when needed.

    `open_signature` opens what reads the signature that a decoder draws, where one does.
    """

    def __init__(
        self,
        *,
        open_watermark: Callable[[], Watermark],
        anchors: Callable[[], Sequence[str]],
        open_signature: Callable[[], Watermark] | None = None,
    ) -> None:
        self._open_watermark = open_watermark
        self._open_signature = open_signature
        self._signature: Watermark | None = None
        self._anchors = anchors
        self._watermark: Watermark | None = None
        self._places = asyncio.Semaphore(_AT_ONCE)

    async def examine(self, data: bytes) -> Examination:
        """Read a file.

        Raises:
            Unavailable: the signature is to be looked for, and what reads it cannot be opened.

        """
        async with self._places:
            return await asyncio.to_thread(self._examine, data)

    def _examine(self, data: bytes) -> Examination:
        pixels = read_picture(data)
        if self._watermark is None:
            self._watermark = self._open_watermark()
        if self._signature is None and self._open_signature is not None:
            self._signature = _opened(self._open_signature)
        prints = dihedrals(pixels)
        return Examination(
            sha256=hashlib.sha256(data).hexdigest(),
            manifest=_manifest(data, self._anchors(), algorithm=self._watermark.name),
            mark=_mark(self._watermark, pixels),
            signature=None if self._signature is None else _mark(self._signature, pixels),
            fingerprints=tuple(one.hex for one in prints),
            fingerprint_quality=prints[0].quality,
        )


def _opened(open_signature: Callable[[], Watermark]) -> Watermark:
    try:
        return open_signature()
    except MarkImpossible as error:
        _log.warning("signature_unusable", reason=str(error))
        raise Unavailable from error


def _mark(watermark: Watermark, pixels: Image.Image) -> Mark:
    reading = watermark.read(pixels)
    return Mark(
        is_present=reading.is_present,
        payload=reading.payload,
        p_value=reading.p_value,
        bits_matched=reading.bits_matched,
        bits=reading.bits,
    )


def _manifest(data: bytes, anchors: Sequence[str], *, algorithm: str) -> Manifest:
    try:
        media_type = content_type(sniff(data))
    except storage_errors.InvalidImage:
        # A GIF, which has none.
        return Manifest(state="absent")
    reading = read(data, media_type, anchors_pem=anchors)
    return Manifest(
        state=reading.state,
        issuer=reading.issuer,
        generator=reading.generator,
        source_type=reading.source_type,
        family=reading.family,
        model=reading.model,
        decoder=reading.decoder,
        made_at=reading.made_at,
        stamped_at=reading.stamped_at,
        registry_ids=_registry_ids(reading, algorithm),
        problems=reading.problems,
    )


def _registry_ids(reading: C2paReading, algorithm: str) -> tuple[int, ...]:
    found = []
    for named, value in reading.soft_bindings[:_MANY_IDS]:
        try:
            found.append(int(value, 16))
        except ValueError:
            continue
        if named != algorithm:
            found.pop()
    return tuple(found)
