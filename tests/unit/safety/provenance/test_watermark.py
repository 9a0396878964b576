"""The p-value of a reading is exact for one candidate and a bound for many."""

import math

import pytest

from safety.provenance.watermark import MOST_FALSE_ALARMS, chance_of


@pytest.mark.parametrize(
    ("bits", "needed"), [(32, 30), (48, 41), (61, 49), (64, 51), (96, 72), (100, 74)]
)
def test_so_many_bits_must_match_for_one_false_alarm_in_a_million(bits: int, needed: int) -> None:
    assert chance_of(needed, bits) < MOST_FALSE_ALARMS <= chance_of(needed - 1, bits)


def test_all_bits_right_is_one_in_two_to_the_bits() -> None:
    assert chance_of(700, 700) == pytest.approx(2.0**-700)


def test_no_bit_right_is_certain() -> None:
    assert chance_of(0, 48) == 1.0


def test_every_candidate_counts() -> None:
    one = chance_of(45, 48)
    assert chance_of(45, 48, candidates=1000) == pytest.approx(1000 * one)
    assert chance_of(20, 48, candidates=2**60) == 1.0
    assert math.isfinite(chance_of(600, 712, candidates=2**74))
