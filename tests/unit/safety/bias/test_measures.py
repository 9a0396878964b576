"""Measures of distributions, on distributions whose measures are known."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from safety.bias.measures import (
    difference,
    divergence_from,
    interval,
    mad_from_uniform,
    mean_interval,
    normalised_entropy,
    shares_of,
)

COUNTS = st.lists(st.integers(0, 500), min_size=2, max_size=10).filter(any)


@given(COUNTS)
def test_deviation_and_entropy_stay_within_their_bounds(counts):
    shares, groups = shares_of(counts), len(counts)
    most = 2 * (groups - 1) / groups**2
    assert -1e-12 <= mad_from_uniform(shares) <= most + 1e-12
    assert -1e-12 <= normalised_entropy(shares) <= 1 + 1e-12


@given(COUNTS, st.randoms())
def test_the_order_of_groups_does_not_matter(counts, random):
    other = random.sample(counts, len(counts))
    for measure in (mad_from_uniform, normalised_entropy):
        assert float(measure(shares_of(counts))) == pytest.approx(float(measure(shares_of(other))))


@pytest.mark.parametrize("groups", [2, 3, 7])
def test_equal_shares_are_even_and_one_group_alone_is_not(groups):
    even, alone = shares_of([5] * groups), shares_of([5] + [0] * (groups - 1))
    assert float(mad_from_uniform(even)) == pytest.approx(0)
    assert float(normalised_entropy(even)) == pytest.approx(1)
    assert float(mad_from_uniform(alone)) == pytest.approx(2 * (groups - 1) / groups**2)
    assert float(normalised_entropy(alone)) == pytest.approx(0)


def test_known_shares_give_known_numbers():
    shares = shares_of([75, 25])
    assert float(mad_from_uniform(shares)) == pytest.approx(0.25)
    assert float(normalised_entropy(shares)) == pytest.approx(0.8112781)
    assert float(divergence_from([0.5, 0.5])(shares)) == pytest.approx(1 - 0.8112781)
    assert float(divergence_from([3, 1])(shares)) == pytest.approx(0)


@given(COUNTS)
def test_nothing_is_nearer_to_a_reference_than_the_reference(counts):
    reference = [1 + place for place in range(len(counts))]
    assert float(divergence_from(reference)(shares_of(counts))) >= -1e-12


@pytest.mark.parametrize("counts", [[], [3], [0, 0], [1, -1]])
def test_what_has_no_shares_is_refused(counts):
    with pytest.raises(ValueError, match="shares are of two groups"):
        shares_of(counts)


def test_a_reference_that_leaves_out_a_group_is_refused():
    with pytest.raises(ValueError, match="share above 0"):
        divergence_from([1.0, 0.0])


def test_the_interval_holds_the_true_value_about_as_often_as_it_says():
    chance, truth = np.random.default_rng(7), np.array([0.7, 0.3])
    true_mad, held = float(mad_from_uniform(truth)), 0
    for _ in range(200):
        one = interval(chance.multinomial(100, truth).tolist(), mad_from_uniform, resamples=400)
        held += one.low <= true_mad <= one.high
    assert 180 <= held <= 200


def test_more_portraits_make_the_interval_narrower():
    few = interval([7, 3], mad_from_uniform)
    many = interval([700, 300], mad_from_uniform)
    assert many.high - many.low < (few.high - few.low) / 3
    assert few == interval([7, 3], mad_from_uniform)


def test_a_mean_is_of_prompts_not_of_portraits():
    tables = [[10, 0], [500, 500]]
    assert mean_interval(tables, mad_from_uniform).value == pytest.approx(0.25)


def test_a_difference_is_told_with_its_sign_and_its_chance():
    later, earlier = [[90, 10]] * 20, [[60, 40]] * 20
    grown = difference(later, earlier, mad_from_uniform)
    assert grown.value == pytest.approx(0.3)
    assert grown.low > 0.2
    same = difference(later, later, mad_from_uniform)
    assert same.low < 0 < same.high
    assert math.isclose(same.value, 0, abs_tol=1e-12)
