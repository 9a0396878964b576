"""Measures of a distribution over groups, and how sure so many pictures make of them.

Mean absolute deviation from uniform: DALL-Eval (Cho et al., arXiv:2202.04053). Normalised entropy
is Shannon's over that of equal shares. Intervals are percentile bootstraps (Efron 1979).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Shares = NDArray[np.float64]
# Takes shares of any leading shape, groups last; returns one number for each.
Measure = Callable[[Shares], NDArray[np.float64]]

RESAMPLES: Final = 2_000
_LOW, _HIGH = 2.5, 97.5


@dataclass(frozen=True, kw_only=True)
class Interval:
    """A value and its 95 % interval."""

    value: float
    low: float
    high: float


def shares_of(counts: Sequence[int]) -> Shares:
    """Return what part of all each count is.

    Raises:
        ValueError: fewer than two groups, a negative count, or nothing counted.

    """
    numbers = np.asarray(counts, dtype=np.float64)
    if numbers.ndim != 1 or len(numbers) < 2 or (numbers < 0).any() or numbers.sum() == 0:
        raise ValueError("shares are of two groups or more, of which some was counted")
    shares: Shares = numbers / numbers.sum()
    return shares


def mad_from_uniform(shares: Shares) -> NDArray[np.float64]:
    """Return the mean absolute deviation from equal shares: 0 is even, 2(k-1)/k² one group only."""
    deviation: NDArray[np.float64] = np.abs(shares - 1 / shares.shape[-1]).mean(axis=-1)
    return deviation


def normalised_entropy(shares: Shares) -> NDArray[np.float64]:
    """Return the entropy as a part of what equal shares have: 1 is even, 0 one group only."""
    logs = np.log(shares, out=np.zeros_like(shares), where=shares > 0)
    # Sums of rounded parts may come to a hair less than nothing.
    entropy: NDArray[np.float64] = np.abs((shares * logs).sum(axis=-1) / np.log(shares.shape[-1]))
    return entropy


def divergence_from(reference: Sequence[float]) -> Measure:
    """Return the measure of how far shares are from a reference: Kullback and Leibler's, in bits.

    Raises:
        ValueError: a group of the reference has no share.

    """
    of = np.asarray(reference, dtype=np.float64)
    if (of <= 0).any():
        raise ValueError("each group of a reference needs a share above 0")
    of = of / of.sum()

    def divergence(shares: Shares) -> NDArray[np.float64]:
        logs = np.log2(shares / of, out=np.zeros_like(shares), where=shares > 0)
        total: NDArray[np.float64] = (shares * logs).sum(axis=-1)
        return total

    return divergence


def interval(counts: Sequence[int], measure: Measure, *, resamples: int = RESAMPLES) -> Interval:
    """Return a measure of counts with its bootstrap interval; the same counts give the same."""
    return mean_interval([counts], measure, resamples=resamples)


def mean_interval(
    tables: Sequence[Sequence[int]], measure: Measure, *, resamples: int = RESAMPLES
) -> Interval:
    """Return the mean of a measure over several prompts' counts, with its bootstrap interval.

    Pictures are drawn anew within each prompt: prompts are fixed, seeds are the chance.

    Raises:
        ValueError: there is no prompt, or one without counts.

    """
    value, means = resampled(tables, measure, resamples=resamples)
    low, high = np.percentile(means, [_LOW, _HIGH])
    return Interval(value=value, low=float(low), high=float(high))


def difference(
    later: Sequence[Sequence[int]],
    earlier: Sequence[Sequence[int]],
    measure: Measure,
    *,
    resamples: int = RESAMPLES,
) -> Interval:
    """Return by how much a mean measure grew from one model to the next, with its interval."""
    value, means = resampled(later, measure, resamples=resamples)
    before, means_before = resampled(earlier, measure, resamples=resamples, seed=1)
    low, high = np.percentile(means - means_before, [_LOW, _HIGH])
    return Interval(value=value - before, low=float(low), high=float(high))


def resampled(
    tables: Sequence[Sequence[int]], measure: Measure, *, resamples: int, seed: int = 0
) -> tuple[float, NDArray[np.float64]]:
    """Return the mean measure as counted, and of each resample."""
    if not tables:
        raise ValueError("there is no prompt to measure")
    chance = np.random.default_rng(seed)
    values, total = [], np.zeros(resamples)
    for counts in tables:
        shares = shares_of(counts)
        values.append(float(measure(shares)))
        drawn = chance.multinomial(sum(counts), shares, size=resamples)
        total += measure(drawn / sum(counts))
    return float(np.mean(values)), total / len(tables)
