"""TrustMark (Adobe, MIT) where its networks are: ONNX files that the operator lays into a folder.

The networks hide and read 100 raw bits in a picture scaled to 256 pixels; which bits is ours, so
that a reading has an exact p-value. Readers of other makers see a TrustMark, but not our number.
"""

from pathlib import Path
from typing import Final, Protocol

import numpy
from numpy.typing import NDArray
from PIL import Image

from safety.errors import MarkImpossible
from safety.provenance.tail_biting import TailBitingCode
from safety.provenance.watermark import (
    PAYLOAD_BITS,
    WatermarkReading,
    chance_of,
    check_payload,
    nothing_seen,
    seen,
)

Floats = NDArray[numpy.float32]

ENCODER_FILE: Final = "encoder_Q.onnx"
DECODER_FILE: Final = "decoder_Q.onnx"
BITS: Final = 100
SIDE_PX: Final = 256
_STRENGTH: Final = 1.0
_SMALLEST_PX: Final = 64


class Networks(Protocol):
    """The two networks."""

    def hide(self, picture: Floats, bits: Floats) -> Floats:
        """Return a picture [1, 3, 256, 256] in -1..1 changed to carry bits [1, 100] of 0 and 1."""

    def reveal(self, picture: Floats) -> Floats:
        """Return logits [1, 100] of a picture [1, 3, 256, 256] in -1..1."""


class TrustMark:
    """TrustMark's networks with our own code in its 100 bits; the key hides which bit is which."""

    name = "trustmark"

    def __init__(self, *, key: bytes, networks: Networks) -> None:
        self._networks = networks
        self._code = TailBitingCode(rate=BITS // PAYLOAD_BITS)
        stream = numpy.frombuffer(key, dtype="<u4")
        random = numpy.random.RandomState(stream)  # its stream is frozen, unlike newer ones'
        self._order = random.permutation(BITS)
        self._flips = random.choice(numpy.array([-1.0, 1.0], dtype=numpy.float32), BITS)

    def embed(self, pixels: Image.Image, payload: int) -> Image.Image:
        if min(pixels.size) < _SMALLEST_PX:
            raise MarkImpossible(
                f"a picture to be marked has at least {_SMALLEST_PX} pixels a side:"
                " ask for a larger one"
            )
        bits = (self._signs(check_payload(payload)) > 0).astype(numpy.float32)
        before = numpy.asarray(pixels.convert("RGB"), dtype=numpy.float32)
        small = _as_input(pixels)
        change = (self._networks.hide(small, bits[None]).clip(-1, 1) - small)[0]
        planes = [
            Image.fromarray(plane).resize(pixels.size, Image.Resampling.BILINEAR)
            for plane in change
        ]
        full = numpy.stack([numpy.asarray(plane) for plane in planes], axis=-1)
        after = numpy.clip(numpy.rint(before + _STRENGTH * full * 127.5), 0, 255)
        return Image.fromarray(after.astype(numpy.uint8))

    def read(self, pixels: Image.Image) -> WatermarkReading:
        if min(pixels.size) < _SMALLEST_PX:
            return nothing_seen(BITS)
        soft = (self._networks.reveal(_as_input(pixels))[0] * self._flips)[self._order]
        payload = self._code.decode(soft[None, : self._code.length].astype(numpy.float32))[0]
        matched = int(((soft > 0) == (self._plain(payload) > 0)).sum())
        p_value = chance_of(matched, BITS, candidates=2**PAYLOAD_BITS)
        return seen(payload, p_value=p_value, bits_matched=matched, bits=BITS)

    def _plain(self, payload: int) -> Floats:
        spare = numpy.ones(BITS - self._code.length, dtype=numpy.float32)
        return numpy.concatenate([self._code.encode(payload), spare])

    def _signs(self, payload: int) -> Floats:
        """Return the signs as the networks are given them."""
        shuffled = numpy.empty(BITS, dtype=numpy.float32)
        shuffled[self._order] = self._plain(payload)
        flipped: Floats = shuffled * self._flips
        return flipped


def load_networks(folder: Path) -> Networks:
    """Open both networks.

    Raises:
        MarkImpossible: a file is missing.

    """
    missing = [name for name in (ENCODER_FILE, DECODER_FILE) if not (folder / name).is_file()]
    if missing:
        raise MarkImpossible(
            f"TrustMark's {' and '.join(missing)} not found in {folder}: lay the published files"
            " there, or choose the watermark `spread`, which needs none"
        )
    return _OnnxNetworks(folder)


class _OnnxNetworks:
    def __init__(self, folder: Path) -> None:
        from onnxruntime import InferenceSession

        options = {"providers": ["CPUExecutionProvider"]}
        self._encoder = InferenceSession(folder / ENCODER_FILE, **options)
        self._decoder = InferenceSession(folder / DECODER_FILE, **options)

    def hide(self, picture: Floats, bits: Floats) -> Floats:
        given = {
            one.name: picture if len(one.shape) == picture.ndim else bits
            for one in self._encoder.get_inputs()
        }
        return numpy.asarray(self._encoder.run(None, given)[0], dtype=numpy.float32)

    def reveal(self, picture: Floats) -> Floats:
        name = self._decoder.get_inputs()[0].name
        return numpy.asarray(self._decoder.run(None, {name: picture})[0], dtype=numpy.float32)


def _as_input(pixels: Image.Image) -> Floats:
    small = pixels.convert("RGB").resize((SIDE_PX, SIDE_PX), Image.Resampling.BILINEAR)
    values = numpy.asarray(small, dtype=numpy.float32) / 127.5 - 1
    return values.transpose(2, 0, 1)[None]
