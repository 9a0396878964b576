"""LoRAs as a member names them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.domain.errors import InvalidLora, TooManyLoras
from backend.domain.prompts import LORA_SCALE_MAX, LORAS_MAX, LoraRef, gather_loras

NAMES = st.from_regex(r"\A\w[\w.-]{0,99}\Z")
SCALES = st.integers(-400, 400).map(lambda hundredths: hundredths / 100)


@given(name=NAMES, scale=SCALES)
def test_what_is_written_is_read_as_the_same(name: str, scale: float) -> None:
    lora = LoraRef(name=name, scale=scale)
    assert LoraRef.read(str(lora)) == lora


@pytest.mark.parametrize(
    ("text", "scale"),
    [("fox", 1.0), ("fox:.5", 0.5), (" fox:-2 ", -2.0), ("fox: 0", 0.0), ("fox:+1.25", 1.25)],
)
def test_a_scale_may_be_left_out_or_negative(text: str, scale: float) -> None:
    assert LoraRef.read(text) == LoraRef(name="fox", scale=scale)


@pytest.mark.parametrize(
    "text",
    [
        *("", ":1", "fox:", "fox:x", "fox:nan", "fox:inf", "fox:4.01", "fox:-5", "fox:1e1"),
        *("../fox", "a/b", "fox:0.5:1", "-fox", ".fox", "f" * 101, "a fox"),
    ],
)
def test_what_is_no_lora_is_refused(text: str) -> None:
    with pytest.raises(InvalidLora) as refused:
        LoraRef.read(text)
    assert refused.value.way_out


def test_a_lora_named_twice_counts_as_last_asked_for() -> None:
    said = [LoraRef(name="a"), LoraRef(name="b"), LoraRef(name="a", scale=0.5)]
    assert gather_loras(said) == (LoraRef(name="a", scale=0.5), LoraRef(name="b"))


def test_more_loras_than_a_picture_is_drawn_with_are_refused() -> None:
    most = [LoraRef(name=f"lora{number}") for number in range(LORAS_MAX)]
    assert len(gather_loras(most)) == LORAS_MAX
    with pytest.raises(TooManyLoras):
        gather_loras([*most, LoraRef(name="one-more")])


def test_scales_are_numbers_within_bounds() -> None:
    assert LoraRef(name="fox", scale=-LORA_SCALE_MAX).scale == -4.0
    with pytest.raises(InvalidLora):
        LoraRef(name="fox", scale=float("nan"))
