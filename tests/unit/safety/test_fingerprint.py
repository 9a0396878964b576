"""Fingerprints: against the reference library's, and against what happens to pictures."""

import json
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, ImageEnhance, ImageFilter

from safety.fingerprint import (
    BYTES,
    MATCH_DISTANCE,
    Fingerprint,
    HashIndex,
    Match,
    crops,
    dihedrals,
    fingerprint,
)
from tests.unit.safety.pictures import made_picture

_REFERENCE = json.loads(Path(__file__).with_name("pdq_reference.json").read_text("utf-8"))


@pytest.mark.parametrize("known", _REFERENCE["pictures"], ids=lambda known: str(known["number"]))
def test_fingerprints_agree_with_the_reference_library(known: dict[str, Any]) -> None:
    mine = dihedrals(made_picture(known["number"], size=tuple(known["size"])))
    theirs = [Fingerprint(bytes.fromhex(text), 100) for text in known["dihedrals"]]

    assert abs(mine[0].quality - known["quality"]) <= 1
    assert mine[0].distance(theirs[0]) <= 2
    for one in theirs:
        assert min(one.distance(other) for other in mine) <= 2


def test_the_eight_dihedrals_are_those_of_the_picture_really_turned() -> None:
    picture = made_picture(3, size=(512, 512))
    turns = [Image.Transpose(number) for number in range(7)]
    mine = {known.bits for known in dihedrals(picture)}

    assert len(mine) == 8
    for turn in turns:
        turned = fingerprint(picture.transpose(turn))
        assert min(turned.distance(Fingerprint(bits, 0)) for bits in mine) <= MATCH_DISTANCE, turn


def _reencoded(picture: Image.Image, form: str, quality: int) -> Image.Image:
    buffer = BytesIO()
    picture.save(buffer, format=form, quality=quality)
    return Image.open(buffer)


_KEPT: dict[str, Callable[[Image.Image], Image.Image]] = {
    "jpeg 25": lambda p: _reencoded(p, "JPEG", 25),
    "webp 50": lambda p: _reencoded(p, "WEBP", 50),
    "half": lambda p: p.resize((p.width // 2, p.height // 2)),
    "dimmed": lambda p: ImageEnhance.Brightness(p).enhance(0.7),
    "grey": lambda p: p.convert("L"),
    "blurred": lambda p: p.filter(ImageFilter.GaussianBlur(2)),
}


@pytest.mark.parametrize("change", _KEPT)
def test_a_copy_is_still_a_match_after(change: str) -> None:
    for number in range(4):
        picture = made_picture(number)
        assert fingerprint(picture).distance(fingerprint(_KEPT[change](picture))) <= MATCH_DISTANCE


def test_other_pictures_are_far_away() -> None:
    known = [fingerprint(made_picture(number)) for number in range(12)]
    apart = [a.distance(b) for at, a in enumerate(known) for b in known[:at]]
    assert min(apart) > 2 * MATCH_DISTANCE


def test_a_picture_set_into_a_margin_is_found_by_its_crops() -> None:
    picture = made_picture(5, size=(450, 450))
    framed = Image.new("RGB", (512, 530), "white")
    framed.paste(picture, (25, 60))

    assert fingerprint(framed).distance(fingerprint(picture)) > MATCH_DISTANCE
    assert min(fingerprint(c).distance(fingerprint(picture)) for c in crops(framed)) == 0


def test_a_picture_on_another_is_found_by_its_crops() -> None:
    picture = made_picture(5, size=(450, 450))
    collage = made_picture(6, size=(500, 500))
    collage.paste(picture, (50, 50))

    found = min(fingerprint(c).distance(fingerprint(picture)) for c in crops(collage))
    assert found == 0


def test_a_picture_of_nothing_tells_nothing() -> None:
    assert not fingerprint(Image.new("RGB", (64, 64), "red")).is_telling
    assert fingerprint(made_picture(1)).is_telling


def test_tiny_and_narrow_pictures_have_fingerprints() -> None:
    for size in [(1, 1), (1, 400), (3, 2)]:
        assert len(fingerprint(Image.new("RGBA", size)).bits) == BYTES


def test_a_fingerprint_of_another_length_or_quality_is_refused() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        Fingerprint(b"short", 50)
    with pytest.raises(ValueError, match="0 to 100"):
        Fingerprint(bytes(BYTES), 101)


def _hashes(count: int, seed: int = 1) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (count, BYTES), dtype=np.uint8)


def _changed(bits: bytes, places: list[int]) -> Fingerprint:
    number = int.from_bytes(bits)
    for place in places:
        number ^= 1 << place
    return Fingerprint(number.to_bytes(BYTES), 100)


@pytest.fixture(scope="module")
def large() -> HashIndex:
    """One that needs its tables."""
    return HashIndex(_hashes(60_000))


@settings(max_examples=60, deadline=None)
@given(
    row=st.integers(0, 59_999),
    places=st.lists(st.integers(0, 255), unique=True, max_size=MATCH_DISTANCE),
)
def test_the_index_misses_nothing_within_the_distance(
    large: HashIndex, row: int, places: list[int]
) -> None:
    sought = _changed(_hashes(60_000)[row].tobytes(), places)
    assert large.near(sought) == [Match(len(places), row)]


def test_the_index_finds_nothing_just_beyond_the_distance(large: HashIndex) -> None:
    # One bit more, spread so that every piece has changed by two.
    places = [16 * piece + bit for piece in range(16) for bit in (0, 1)]
    sought = _changed(_hashes(60_000)[7].tobytes(), places)
    assert large.near(sought) == []
    assert large.nearest(sought, within=32) == Match(32, 7)


def test_tables_and_scan_find_the_same() -> None:
    hashes = _hashes(60_000)
    hashes[100] = hashes[200]
    small, large = HashIndex(hashes[:300]), HashIndex(hashes)
    sought = _changed(hashes[200].tobytes(), [3, 77, 200])

    assert small.near(sought) == large.near(sought) == [Match(3, 100), Match(3, 200)]
    assert large.near(sought, within=2) == []


def test_an_empty_index_finds_nothing() -> None:
    assert HashIndex.of([]).nearest(Fingerprint(bytes(BYTES), 100)) is None


def test_an_index_of_another_shape_is_refused() -> None:
    with pytest.raises(ValueError, match="32"):
        HashIndex(np.zeros((4, 16), dtype=np.uint8))
