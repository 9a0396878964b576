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
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter

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
from safety.fingerprint.pieces import LONG_CUT, SHORT_CUT, Piece
from tests.unit.safety.pictures import made_picture

_REFERENCE = json.loads(Path(__file__).with_name("pdq_reference.json").read_text("utf-8"))


@pytest.mark.parametrize("known", _REFERENCE["pictures"], ids=lambda known: str(known["number"]))
def test_fingerprints_agree_with_the_reference_library(known: dict[str, Any]) -> None:
    picture = made_picture(known["number"], size=tuple(known["size"]))
    theirs = Fingerprint(bytes.fromhex(known["dihedrals"][0]), 100)
    mine = fingerprint(picture)

    assert abs(mine.quality - known["quality"]) <= 1
    assert mine.distance(theirs) <= 2
    assert dihedrals(picture)[0] == mine


def test_the_eight_dihedrals_are_those_of_the_picture_really_turned() -> None:
    picture = made_picture(3, size=(509, 384))
    turns = [Image.Transpose(number) for number in range(7)]
    mine = {known.bits for known in dihedrals(picture)}

    assert len(mine) == 8
    for turn in turns:
        turned = fingerprint(picture.transpose(turn))
        assert min(turned.distance(Fingerprint(bits, 0)) for bits in mine) <= 2, turn


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


@pytest.mark.parametrize("at", ["foot", "head"])
def test_a_picture_with_a_caption_in_a_bar_is_found_by_its_crops(at: str) -> None:
    picture = made_picture(5, size=(450, 450))
    captioned = Image.new("RGB", (450, 520), "white")
    captioned.paste(picture, (0, 0 if at == "foot" else 70))
    place = (20, 475 if at == "foot" else 20)
    ImageDraw.Draw(captioned).text(place, "a caption of some length " * 2, fill="black")

    assert fingerprint(captioned).distance(fingerprint(picture)) > MATCH_DISTANCE
    found = min(fingerprint(c).distance(fingerprint(picture)) for c in crops(captioned))
    assert found <= 2


def test_a_plain_picture_is_not_all_bars() -> None:
    assert len(list(crops(Image.new("RGB", (64, 64), "red")))) == 25


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


_ROWS = 60_000


@pytest.fixture(scope="module", params=[SHORT_CUT, LONG_CUT], ids=["short", "long"])
def large(request: pytest.FixtureRequest) -> HashIndex:
    """One that looks up pieces; its neighbours are as near to one another as may be."""
    hashes = _hashes(_ROWS)
    for row in range(0, 2_000, 2):
        places = np.random.default_rng(row).choice(256, row % 64, replace=False)
        near = _changed(hashes[row].tobytes(), places.tolist())
        hashes[row + 1] = np.frombuffer(near.bits, dtype=np.uint8)
    return HashIndex(hashes, cut=request.param)


def _scanned(index: HashIndex, sought: Fingerprint, within: int) -> list[Match]:
    """Compare one with all, in the plainest way there is."""
    mine = int.from_bytes(sought.bits)
    rows = (int.from_bytes(index.hash_of(row)) for row in range(len(index)))
    away = ((mine ^ other).bit_count() for other in rows)
    return sorted(Match(distance, row) for row, distance in enumerate(away) if distance <= within)


@settings(max_examples=40, deadline=None)
@given(
    row=st.integers(0, 2_000) | st.integers(0, _ROWS - 1),
    places=st.lists(st.integers(0, 255), unique=True, max_size=40),
    within=st.integers(0, MATCH_DISTANCE),
)
def test_the_index_finds_what_comparing_with_all_finds(
    large: HashIndex, row: int, places: list[int], within: int
) -> None:
    sought = _changed(large.hash_of(row), places)
    assert large.near(sought, within=within) == _scanned(large, sought, within)


@settings(max_examples=300, deadline=None)
@given(
    row=st.integers(2_000, _ROWS - 1),
    places=st.lists(st.integers(0, 255), unique=True, min_size=20, max_size=MATCH_DISTANCE),
)
def test_the_index_misses_nothing_within_the_distance(
    large: HashIndex, row: int, places: list[int]
) -> None:
    sought = _changed(large.hash_of(row), places)
    assert large.near(sought) == [Match(len(places), row)]


@pytest.mark.parametrize("cut", [SHORT_CUT, LONG_CUT], ids=["short", "long"])
def test_no_31_bits_can_be_changed_so_that_every_piece_is_too_far(cut: tuple[Piece, ...]) -> None:
    assert sum(piece.radius + 1 for piece in cut) > MATCH_DISTANCE
    covered = [at for piece in cut for at in range(piece.begin, piece.begin + piece.length)]
    assert covered == list(range(8 * BYTES))


def test_the_index_finds_nothing_just_beyond_the_distance(large: HashIndex) -> None:
    sought = _changed(large.hash_of(2_007), [*range(0, 256, 8)])
    assert large.near(sought) == []
    assert large.nearest(sought, within=32) == Match(32, 2_007)


def test_what_differs_in_every_piece_by_its_radius_and_one_in_the_last_is_found() -> None:
    for cut in (SHORT_CUT, LONG_CUT):
        index = HashIndex(_hashes(5_000), cut=cut)
        # Each piece but the last is one bit further away than its radius.
        places = [piece.begin + bit for piece in cut for bit in range(piece.radius + 1)][:31]
        # Bit 0 of a word is the lowest of its first byte.
        flipped = bytearray(index.hash_of(77))
        for place in places:
            flipped[place // 8] ^= 1 << place % 8
        assert index.near(Fingerprint(bytes(flipped), 100)) == [Match(31, 77)]


def test_many_at_a_time_find_what_each_finds_alone(large: HashIndex) -> None:
    sought = [_changed(large.hash_of(row), [*range(row % 32)]) for row in range(0, 90, 2)]
    assert large.near_each(sought) == [large.near(one) for one in sought]
    assert large.near_each([]) == []


def test_tables_and_scan_find_the_same() -> None:
    hashes = _hashes(_ROWS)
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
