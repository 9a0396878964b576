"""How much the workers of a family are handed."""

from hypothesis import given
from hypothesis import strategies as st

from backend.scheduling.placement import window_for


def test_a_family_without_workers_is_handed_nothing() -> None:
    assert window_for(0) == 0


@given(slots=st.integers(1, 1000))
def test_each_slot_has_a_job_and_one_to_look_ahead_to(slots: int) -> None:
    assert window_for(slots) == 2 * slots
