"""Stable Signature: pictures that a taught decoder drew carry its 48 bits; this reads them.

The extractor comes out of `python -m gpu_worker.starter.signature`; its few products run in numpy,
so that a host without a tensor library can verify. The number names a decoder, not a picture.
"""

from collections.abc import Sequence
from typing import Final

import numpy
from PIL import Image

from safety.errors import MarkImpossible
from safety.provenance.watermark import (
    WatermarkReading,
    chance_of,
    check_payload,
    nothing_seen,
    seen,
)
from safety.provenance.watermarks.stable_signature.extractor import (
    BITS,
    Extractor,
    load_extractor,
)
from safety.provenance.watermarks.stable_signature.search import cells_at, find_places

__all__ = ["Extractor", "StableSignature", "load_extractor"]

_FEWEST_CELLS: Final = 4  # to a side
_STEPS_AS_SHOWN, _STEPS = 4, 2  # to a drawn pixel
# Half to twice the size at which pictures are shown; a step moves a picture's ends half a pixel.
_LEAST, _MOST, _STEP = 0.45, 2.1, 0.006
_KEPT: Final = 12


class StableSignature:
    """Reads the signature that a decoder draws; it cannot be added afterwards."""

    name = "stable_signature"

    def __init__(self, *, extractor: Extractor) -> None:
        self._extractor = extractor
        places = numpy.arange(BITS)
        self._expected = (check_payload(extractor.signature) >> places & 1).astype(bool)
        shown_at = numpy.array(extractor.shown_at)
        count = int(numpy.log(_MOST / _LEAST) / _STEP) + 1
        self._sizes = (shown_at[:, None] * numpy.geomspace(_LEAST, _MOST, count)).ravel()

    def embed(self, pixels: Image.Image, payload: int) -> Image.Image:
        raise MarkImpossible(
            "a Stable Signature is drawn by the decoder: teach it with"
            " `python -m gpu_worker.starter.signature`, or choose the watermark `spread`"
        )

    def read(self, pixels: Image.Image) -> WatermarkReading:
        picture = pixels.convert("RGB")
        as_shown = self._read(picture, self._extractor.shown_at, steps=_STEPS_AS_SHOWN)
        if as_shown.is_present:
            return as_shown
        resized = self._read(picture, self._sizes.tolist(), steps=_STEPS)
        return min(as_shown, resized, key=lambda reading: reading.p_value)

    def _read(
        self, picture: Image.Image, scales: Sequence[float], *, steps: int
    ) -> WatermarkReading:
        """Look at these sizes of a drawn pixel; the chance counts them, and that we look twice."""
        cell = self._extractor.cell_px
        most = min(picture.size) / (cell * (_FEWEST_CELLS + 1))
        fitting = [scale for scale in scales if scale <= most]
        if not fitting:
            return nothing_seen(BITS)
        places = find_places(picture, self._extractor.trace, fitting, steps=steps, kept=_KEPT)
        matched = max(self._agreeing(cells_at(picture, place, cell)) for place in places)
        p_value = chance_of(matched, BITS, candidates=2 * len(scales) * (cell * steps) ** 2)
        return seen(self._extractor.signature, p_value=p_value, bits_matched=matched, bits=BITS)

    def _agreeing(self, pixels: numpy.ndarray) -> int:
        return int(((self._extractor.logits(pixels) > 0) == self._expected).sum())
