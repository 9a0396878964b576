"""The p-value of a reading is exact for one candidate and a bound for many."""

import math

import numpy
import pytest

from safety.provenance.watermark import MOST_FALSE_ALARMS, chance_of, chance_of_sum


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


@pytest.mark.parametrize("count", [4, 16, 20])
def test_sums_of_weighted_coins_stay_below_their_bound(count: int) -> None:
    weights = numpy.linspace(1, 2, count)
    weights /= numpy.linalg.norm(weights)
    coins = 1 - 2 * (numpy.arange(2**count)[:, None] >> numpy.arange(count) & 1).astype(float)
    sums = numpy.sort(coins @ weights)
    for likeness in (0.0, 0.5, 1.0, 1.4, 2.0, 2.5, 3.0, 3.4):
        exceeding = len(sums) - numpy.searchsorted(sums, likeness - 1e-9)
        assert exceeding / len(sums) <= chance_of_sum(likeness)


def test_the_bound_is_within_a_few_times_of_a_normal_deviate() -> None:
    assert chance_of_sum(6.0) == pytest.approx(3.178 * 9.866e-10, rel=1e-3)
    assert chance_of_sum(6.0, candidates=100) == pytest.approx(100 * chance_of_sum(6.0))
    assert chance_of_sum(1.0, candidates=100) == 1.0
