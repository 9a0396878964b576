"""Stable Signature: pictures that a taught decoder drew carry its 48 bits; this reads them.

The extractor comes out of `python -m gpu_worker.starter.signature`; its few products run in numpy,
so that a host without a tensor library can verify. The number names a decoder, not a picture.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy
from numpy.typing import NDArray
from PIL import Image

from safety.errors import MarkImpossible
from safety.provenance.watermark import (
    WatermarkReading,
    chance_of,
    check_payload,
    nothing_seen,
    seen,
)

Floats = NDArray[numpy.float32]

WEIGHTS_FILE: Final = "extractor.safetensors"
FACTS_FILE: Final = "signature.json"
_BITS: Final = 48
_SMALLEST_PX: Final = 32
# The place of the cells is sought in a part of a large picture, and then all of it is read.
_SOUGHT_IN_PX: Final = 192
_READ_IN_PX: Final = 768
_PLACES_KEPT: Final = 4


@dataclass(frozen=True, kw_only=True)
class Extractor:
    """The extractor's weights, and the number of the decoder that was taught against it."""

    weights: dict[str, Floats]
    signature: int
    cell_px: int
    # By how much pictures are enlarged before they are shown; the reader undoes it.
    shown_at: tuple[float, ...] = (1.0,)

    def logits(self, pixels: Floats) -> Floats:
        """Return what pixels [height, width, 3] in -1..1 say, cells from the corner: [48]."""
        values = (
            _cells(pixels, self.cell_px)
            @ self.weights["blocks.0.weight"].reshape(len(self.weights["blocks.0.bias"]), -1).T
        )
        values = numpy.maximum(values + self.weights["blocks.0.bias"], 0)
        values = _around(values, self.weights["blocks.1.weight"])
        values = numpy.maximum(values + self.weights["blocks.1.bias"], 0)
        values = values @ self.weights["blocks.2.weight"][:, :, 0, 0].T
        means = numpy.maximum(values + self.weights["blocks.2.bias"], 0).mean(axis=(0, 1))
        found: Floats = self.weights["bits.weight"] @ means + self.weights["bits.bias"]
        return found


class StableSignature:
    """Reads the signature that a decoder draws; it cannot be added afterwards."""

    name = "stable_signature"

    def __init__(self, *, extractor: Extractor) -> None:
        self._extractor = extractor
        places = numpy.arange(_BITS)
        self._expected = (check_payload(extractor.signature) >> places & 1).astype(bool)

    def embed(self, pixels: Image.Image, payload: int) -> Image.Image:
        raise MarkImpossible(
            "a Stable Signature is drawn by the decoder: teach it with"
            " `python -m gpu_worker.starter.signature`, or choose the watermark `spread`"
        )

    def read(self, pixels: Image.Image) -> WatermarkReading:
        scales = [
            scale for scale in self._extractor.shown_at if min(pixels.size) / scale >= _SMALLEST_PX
        ]
        if not scales:
            return nothing_seen(_BITS)
        tried = len(self._extractor.shown_at) * self._extractor.cell_px**2
        matched = max(self._matched(_scaled(pixels, scale)) for scale in scales)
        p_value = chance_of(matched, _BITS, candidates=tried)
        signature = self._extractor.signature
        return seen(signature, p_value=p_value, bits_matched=matched, bits=_BITS)

    def _matched(self, pixels: Floats) -> int:
        """Return how many bits agree where the cells fit best; every place of them is tried."""
        cell = self._extractor.cell_px
        part = _middle(pixels, _SOUGHT_IN_PX)
        places = [(down, across) for down in range(cell) for across in range(cell)]
        best = sorted(places, key=lambda place: -self._agreement(part, place))
        whole = _middle(pixels, _READ_IN_PX, cell_px=cell, like=part)
        return max(self._agreeing(whole, place) for place in best[:_PLACES_KEPT])

    def _agreement(self, pixels: Floats, place: tuple[int, int]) -> float:
        logits = self._extractor.logits(pixels[place[0] :, place[1] :])
        return float(numpy.where(self._expected, logits, -logits).clip(-4, 4).sum())

    def _agreeing(self, pixels: Floats, place: tuple[int, int]) -> int:
        logits = self._extractor.logits(pixels[place[0] :, place[1] :])
        return int(((logits > 0) == self._expected).sum())


def load_extractor(folder: Path) -> Extractor:
    """Read an extractor's folder.

    Raises:
        MarkImpossible: there is none, or it is broken.

    """
    try:
        facts = json.loads((folder / FACTS_FILE).read_text(encoding="utf-8"))
        return Extractor(
            weights=_read_safetensors(folder / WEIGHTS_FILE),
            signature=int(facts["signature"], 16),
            cell_px=int(facts["cell_px"]),
            shown_at=tuple(float(scale) for scale in facts["shown_at"]),
        )
    except (OSError, ValueError, KeyError) as error:
        raise MarkImpossible(
            f"no Stable Signature extractor in {folder} ({error}): make one with"
            " `python -m gpu_worker.starter.signature`, or choose the watermark `spread`"
        ) from error


def _read_safetensors(path: Path) -> dict[str, Floats]:
    """Read 32-bit tensors: a length, a description in JSON, and the numbers."""
    content = path.read_bytes()
    begin = 8 + int.from_bytes(content[:8], "little")
    tensors = {}
    for name, fact in json.loads(content[8:begin]).items():
        if name == "__metadata__":
            continue
        if fact["dtype"] != "F32":
            raise ValueError(f"{name} is not of 32 bits")
        first, last = fact["data_offsets"]
        numbers = numpy.frombuffer(content[begin + first : begin + last], dtype="<f4")
        tensors[name] = numbers.reshape(fact["shape"])
    return tensors


def _scaled(pixels: Image.Image, shown_at: float) -> Floats:
    picture = pixels.convert("RGB")
    if shown_at != 1.0:
        size = (round(pixels.width / shown_at), round(pixels.height / shown_at))
        picture = picture.resize(size, Image.Resampling.BOX)
    return numpy.asarray(picture, dtype=numpy.float32) / 127.5 - 1


def _middle(
    pixels: Floats, most_px: int, *, cell_px: int = 1, like: Floats | None = None
) -> Floats:
    """Return the middle; cells begin where they do in another middle, if one is given."""
    starts = []
    for axis in (0, 1):
        start = max(0, (pixels.shape[axis] - most_px) // 2)
        if like is not None:
            other = (pixels.shape[axis] - like.shape[axis]) // 2
            start += (other - start) % cell_px
        starts.append(start)
    down, across = starts
    return pixels[down : down + most_px, across : across + most_px]


def _cells(pixels: Floats, cell: int) -> Floats:
    """Return whole cells as rows of numbers, colour first: [down, across, 3 * cell * cell]."""
    down, across = pixels.shape[0] // cell, pixels.shape[1] // cell
    whole = pixels[: down * cell, : across * cell].reshape(down, cell, across, cell, 3)
    return whole.transpose(0, 2, 4, 1, 3).reshape(down, across, 3 * cell * cell)


def _around(values: Floats, weight: Floats) -> Floats:
    """Return a convolution of three by three over [down, across, channels], zeros outside."""
    down, across, _ = values.shape
    padded = numpy.pad(values, ((1, 1), (1, 1), (0, 0)))
    total = numpy.zeros((down, across, len(weight)), dtype=numpy.float32)
    for row in range(3):
        for column in range(3):
            part = padded[row : row + down, column : column + across]
            total += part @ weight[:, :, row, column].T
    return total
