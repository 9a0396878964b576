"""The extractor as it is kept in a folder, and its few products in numpy."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy
from numpy.typing import NDArray

from safety.errors import SignatureUnusable
from safety.provenance.products import product
from safety.provenance.signature import EXTRACTOR_FILE, check_file, read_facts

Floats = NDArray[numpy.float32]

BITS: Final = 48
_PARTS: Final = ("front", "around", "bits")


@dataclass(frozen=True, kw_only=True)
class Extractor:
    """The extractor's weights, and the number of the decoder that was taught against it."""

    weights: dict[str, Floats]
    signature: int
    # By how much pictures are enlarged before they are shown; the reader undoes it.
    shown_at: tuple[float, ...] = (1.0,)

    @property
    def trace(self) -> Floats:
        """What the decoder adds to a cell, on average: [3, cell, cell], of -1..1."""
        return self.weights["trace"]

    @property
    def cell_px(self) -> int:
        """How many pixels a side become of a latent, as drawn."""
        return int(self.trace.shape[-1])

    def logits(self, pixels: Floats) -> Floats:
        """Return what pixels [height, width, 3] in -1..1 say, cells from the corner: [48]."""
        front = self.weights["front.weight"]
        values = product(_cells(pixels, self.cell_px), front.reshape(len(front), -1).T)
        heard = numpy.tanh(values + self.weights["front.bias"])
        around = _around(heard, self.weights["around.weight"]) + self.weights["around.bias"]
        means = (heard + numpy.tanh(around)).mean(axis=(0, 1))
        found: Floats = self.weights["bits.weight"] @ means + self.weights["bits.bias"]
        return found


def load_extractor(folder: Path) -> Extractor:
    """Read an extractor's folder.

    Raises:
        SignatureUnusable: there is none, or it is broken.

    """
    facts = read_facts(folder)
    path = check_file(folder, EXTRACTOR_FILE, facts)
    try:
        weights = _read_safetensors(path)
        _check_names(weights)
        extractor = Extractor(weights=weights, signature=facts.signature, shown_at=facts.shown_at)
        _check_fits(extractor)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise SignatureUnusable(
            "broken",
            f"{path} is no extractor of signatures ({error}): make one with"
            " `python -m gpu_worker.starter.signature`",
        ) from error
    return extractor


def _check_fits(extractor: Extractor) -> None:
    """Raise ValueError unless the weights fit each other."""
    side = extractor.cell_px
    if extractor.trace.shape != (3, side, side):
        raise ValueError("its trace is no square of three colours")
    said = extractor.logits(numpy.zeros((side, side, 3), dtype=numpy.float32))
    if said.shape != (BITS,):
        raise ValueError(f"it says {said.size} bits, not {BITS}")


def _check_names(weights: dict[str, Floats]) -> None:
    parts = [
        f"{part}.{kind}" for part in ("front", "around", "bits") for kind in ("weight", "bias")
    ]
    if missing := {"trace", *parts} - set(weights):
        raise ValueError(f"it lacks {sorted(missing)[0]}")


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
            total += product(part, weight[:, :, row, column].T)
    return total
