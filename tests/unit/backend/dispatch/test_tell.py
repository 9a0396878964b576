"""How often everyone is told where jobs stand."""

from backend.delivery.outlooks import TOLD_TTL_S
from backend.dispatch.tell import REST_MAX_S, rest_s


def test_a_quick_round_is_told_in_the_usual_rhythm() -> None:
    assert rest_s(0.01, every_s=1.0) == 1.0


def test_a_long_round_takes_no_more_than_a_tenth_of_the_time() -> None:
    assert rest_s(0.5, every_s=1.0) == 5.0


def test_nobody_rests_until_what_was_told_is_forgotten() -> None:
    assert rest_s(2.0, every_s=1.0) == REST_MAX_S < TOLD_TTL_S
