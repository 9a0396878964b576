"""Our own watermark: keyed waves over the whole picture, found again after crops and resizing.

It needs no weights. What it survives, and at which cost, stands in `bench/watermark.md`.
"""

from PIL import Image

from safety.errors import MarkImpossible
from safety.provenance.watermark import WatermarkReading, check_payload, nothing_seen
from safety.provenance.watermarks.spread.carriers import draw_carriers
from safety.provenance.watermarks.spread.embedding import embed
from safety.provenance.watermarks.spread.search import read
from safety.provenance.watermarks.spread.spectrum import spectra_of

_SMALLEST_MARKED_PX = 64
_SMALLEST_READ_PX = 32


class SpreadWatermark:
    """Spread-spectrum marks of one key."""

    name = "spread"

    def __init__(self, *, key: bytes) -> None:
        self._carriers = draw_carriers(key)

    def embed(self, pixels: Image.Image, payload: int) -> Image.Image:
        check_payload(payload)
        if min(pixels.size) < _SMALLEST_MARKED_PX:
            raise MarkImpossible(
                f"a picture to be marked has at least {_SMALLEST_MARKED_PX} pixels a side:"
                " ask for a larger one"
            )
        return embed(pixels, self._carriers, payload)

    def read(self, pixels: Image.Image) -> WatermarkReading:
        if min(pixels.size) < _SMALLEST_READ_PX:
            return nothing_seen(self._carriers.bits)
        return read(spectra_of(pixels), self._carriers)
