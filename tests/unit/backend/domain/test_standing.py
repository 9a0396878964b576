"""Strikes, mutes, bans and freezes, by the clock."""

from datetime import timedelta

import pytest

from backend.domain.errors import AccountBanned, AccountFrozen, AccountMuted
from backend.domain.requests import AccountId
from backend.domain.standing import (
    HOUSE,
    AccountStanding,
    Sanction,
    SanctionKind,
    StandingRules,
    Strike,
    must_be_welcome,
)
from tests.builders import NOW, at

MODERATOR = AccountId("discord:mod")
RULES = StandingRules(
    strike_for=timedelta(days=1),
    strikes_to_mute=2,
    mute_for=timedelta(hours=1),
    strikes_to_ban=3,
)
CLEAN = AccountStanding(account_id=AccountId("discord:alice"))


def strike(second: float = 0) -> Strike:
    when = at(second)
    return Strike(reason="gore", by=MODERATOR, at=when, expires_at=when + RULES.strike_for)


def struck(*seconds: float) -> AccountStanding:
    standing = CLEAN
    for second in seconds:
        standing = standing.struck(strike(second), RULES)
    return standing


def test_a_clean_account_is_welcome():
    must_be_welcome(CLEAN, now=NOW)
    assert CLEAN.sanction(NOW) is None


def test_one_strike_is_only_counted():
    standing = struck(0)
    assert standing.strike_count(at(1)) == 1
    must_be_welcome(standing, now=at(1))


def test_a_strike_expires_to_the_second():
    standing = struck(0)
    assert standing.strike_count(at(86_399)) == 1
    assert standing.strike_count(at(86_400)) == 0


def test_two_strikes_mute_for_an_hour():
    standing = struck(0, 60)
    with pytest.raises(AccountMuted) as refused:
        must_be_welcome(standing, now=at(61))
    assert "2026-01-01 13:01" in refused.value.message
    must_be_welcome(standing, now=at(3660))


def test_three_strikes_ban_until_somebody_lifts_it():
    standing = struck(0, 60, 120)
    with pytest.raises(AccountBanned):
        must_be_welcome(standing, now=at(10**9))
    assert standing.ban is not None
    assert standing.ban.by == HOUSE
    must_be_welcome(standing.lifted(), now=at(121))


def test_strikes_that_have_expired_lead_to_nothing():
    assert struck(0, 86_401).sanction(at(86_402)) is None


def test_a_warning_counts_for_nothing():
    standing = struck(0).warned(strike(1)).warned(strike(2))
    assert standing.strike_count(at(3)) == 1
    assert len(standing.active_strikes(at(3))) == 3
    assert standing.sanction(at(3)) is None


def test_a_threshold_of_zero_is_never_reached():
    rules = StandingRules(strikes_to_mute=0, strikes_to_ban=0)
    standing = CLEAN
    for second in range(20):
        standing = standing.struck(strike(second), rules)
    assert standing.sanction(at(30)) is None


def test_a_longer_mute_is_not_shortened():
    long = Sanction(reason="spam", by=MODERATOR, at=NOW, until=at(7200))
    short = Sanction(reason="spam", by=MODERATOR, at=NOW, until=at(60))
    assert CLEAN.muted(long).muted(short).mute == long
    assert CLEAN.muted(short).muted(long).mute == long


def test_a_freeze_is_not_lifted_and_says_nothing():
    frozen = CLEAN.frozen(Sanction(reason="secret", by=HOUSE, at=NOW)).lifted()
    with pytest.raises(AccountFrozen) as refused:
        must_be_welcome(frozen, now=at(1))
    assert "secret" not in refused.value.message


def test_the_gravest_sanction_is_told():
    sanction = Sanction(reason="x", by=MODERATOR, at=NOW)
    standing = CLEAN.muted(sanction).banned(sanction)
    found = standing.sanction(at(1))
    assert found is not None
    assert found[0] is SanctionKind.BAN
    assert standing.is_barred
    assert not CLEAN.muted(sanction).is_barred
