"""What each tier is due."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.domain.tiers import Tier
from backend.scheduling.shares import due_shares

TENTH = dict.fromkeys(Tier, 0.1)
WEIGHTS = {Tier.TURBO: 10.0, Tier.FAST: 5.0, Tier.RELAX: 1.0}


def test_a_tenth_for_each_makes_10_5_1_to_60_30_10() -> None:
    shares = due_shares(WEIGHTS, TENTH)
    assert [shares[tier] for tier in Tier] == pytest.approx([0.6, 0.3, 0.1])


def test_a_tier_alone_gets_everything() -> None:
    assert due_shares({Tier.RELAX: 1.0}, TENTH) == {Tier.RELAX: 1.0}


@given(
    weights=st.dictionaries(st.sampled_from(Tier), st.floats(0.1, 100), min_size=1),
    reserve=st.floats(0, 1),
)
def test_shares_sum_to_one_and_keep_what_is_reserved(weights, reserve) -> None:
    reserved = dict.fromkeys(Tier, reserve)
    shares = due_shares(weights, reserved)
    assert sum(shares.values()) == pytest.approx(1.0)
    floor = reserve / max(1.0, reserve * len(weights))
    assert all(share >= floor - 1e-9 for share in shares.values())
