"""TrustMark's book around networks of the same shapes: ours here are two products with a matrix."""

from pathlib import Path

import numpy
import pytest
from PIL import Image

from safety.errors import MarkImpossible
from safety.provenance.watermarks import open_watermark
from safety.provenance.watermarks.trustmark import BITS, SIDE_PX, Floats, TrustMark

PAYLOAD = 0xC0FFEE123456
RANDOM = numpy.random.default_rng(7)


class LinearNetworks:
    """Hides each bit in a smooth pattern of its own, and reveals it by correlation."""

    def __init__(self) -> None:
        coarse = RANDOM.normal(size=(BITS, 3, 32, 32))
        rows, _ = numpy.linalg.qr(coarse.reshape(BITS, -1).T)
        grown = rows.T.reshape(BITS, 3, 32, 32).repeat(8, axis=2).repeat(8, axis=3)
        self._patterns = grown.reshape(BITS, -1).astype(numpy.float32)

    def hide(self, picture: Floats, bits: Floats) -> Floats:
        change = (2 * bits[0] - 1) @ self._patterns
        held = picture.reshape(1, -1) @ self._patterns.T @ self._patterns / 64
        return (picture.reshape(1, -1) - held + 0.03 * change).reshape(picture.shape)

    def reveal(self, picture: Floats) -> Floats:
        return picture.reshape(1, -1) @ self._patterns.T


@pytest.fixture(scope="module")
def mark() -> TrustMark:
    return TrustMark(key=bytes(range(32)), networks=LinearNetworks())


def plain() -> Image.Image:
    return Image.new("RGB", (400, 300), (120, 130, 140))


def test_the_networks_are_given_what_they_were_made_for(mark: TrustMark) -> None:
    seen = []

    class Watching(LinearNetworks):
        def hide(self, picture: Floats, bits: Floats) -> Floats:
            seen.append((picture.shape, picture.min() >= -1, set(numpy.unique(bits)), bits.shape))
            return super().hide(picture, bits)

    TrustMark(key=bytes(32), networks=Watching()).embed(plain(), PAYLOAD)
    assert seen == [((1, 3, SIDE_PX, SIDE_PX), True, {0.0, 1.0}, (1, BITS))]


def test_the_id_comes_back(mark: TrustMark) -> None:
    marked = mark.embed(plain(), PAYLOAD)
    assert marked.size == (400, 300)
    reading = mark.read(marked)
    assert reading.payload == PAYLOAD
    assert reading.bits == BITS


@pytest.mark.parametrize("wrong", range(6))
def test_a_few_wrong_bits_are_put_right(wrong: int) -> None:
    class Forgetful(LinearNetworks):
        def reveal(self, picture: Floats) -> Floats:
            logits = super().reveal(picture)
            logits[0, :wrong] *= -0.3
            return logits

    mark = TrustMark(key=bytes(range(32)), networks=Forgetful())
    assert mark.read(mark.embed(plain(), PAYLOAD)).payload == PAYLOAD


def test_a_coin_tossed_for_each_bit_is_no_mark() -> None:
    class Tossing(LinearNetworks):
        def reveal(self, picture: Floats) -> Floats:
            return RANDOM.normal(size=(1, BITS)).astype(numpy.float32)

    mark = TrustMark(key=bytes(32), networks=Tossing())
    assert not any(mark.read(plain()).is_present for _ in range(50))


def test_another_key_reads_nothing(mark: TrustMark) -> None:
    other = TrustMark(key=bytes(32), networks=LinearNetworks())
    assert not other.read(mark.embed(plain(), PAYLOAD)).is_present


def test_a_folder_without_the_files_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(MarkImpossible, match=r"encoder_Q\.onnx and decoder_Q\.onnx.*spread"):
        open_watermark("trustmark", key=bytes(32), folder=tmp_path)


@pytest.mark.parametrize("name", ["trustmark", "stable_signature"])
def test_no_folder_says_what_to_do(name: str) -> None:
    with pytest.raises(MarkImpossible, match="folder"):
        open_watermark(name, key=bytes(32))  # type: ignore[arg-type]  # one of two known words
