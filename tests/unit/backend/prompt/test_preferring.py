"""Saved options and a suffix: put into prompts, and judged before they are kept."""

from typing import Any

import pytest

from backend.domain.errors import BadInput, InvalidOption, PromptTooLong
from backend.domain.families import ModelFamily
from backend.domain.preferences import OPTIONS_MAX, Preferences
from backend.domain.prompts import PromptSpec
from backend.domain.tiers import Tier
from backend.prompt.house import shipped_house
from backend.prompt.parse import parse
from backend.prompt.preferring import check_option, check_parameters
from tests.builders import a_request

WIDE = Preferences(options={"wide": "--ar 16:9 --q 2"}, suffix="")


def read(prompt: str, preferences: Preferences, **fields: Any) -> PromptSpec:
    (variant,) = parse(
        a_request(prompt, **fields),
        default_family=ModelFamily.SDXL,
        house=shipped_house(),
        preferences=preferences,
    )
    return variant.spec


def test_an_option_stands_for_its_parameters() -> None:
    spec = read("a fox --wide --seed 7", WIDE)
    assert (str(spec.aspect_ratio), spec.manner.quality, spec.seed) == ("16:9", 2, 7)
    assert spec.positive_text == "a fox"
    assert read("a fox --WIDE --ar 1:1", WIDE).manner.quality == 2


def test_an_error_within_an_option_points_at_its_name() -> None:
    preferences = Preferences(options={"odd": "--seed x"})
    with pytest.raises(BadInput) as caught:
        read("a fox --odd", preferences)
    assert caught.value.position == len("a fox ")


def test_a_name_that_nobody_saved_is_unknown() -> None:
    with pytest.raises(BadInput):
        read("a fox --wide", Preferences())


def test_options_cannot_make_a_prompt_too_long() -> None:
    preferences = Preferences(options={"x": "--no " + "a" * 490})
    with pytest.raises(PromptTooLong):
        read("a fox " + "--x " * 20, preferences)


def test_a_suffix_follows_prompts_that_do_not_say_otherwise() -> None:
    suffix = Preferences(suffix="--ar 3:2 --relax --no text --seed 9 --m sd3")
    spec = read("a fox", suffix)
    assert (str(spec.aspect_ratio), spec.tier, spec.seed) == ("3:2", Tier.RELAX, 9)
    assert (spec.negative_text, spec.family) == ("text", ModelFamily.SD3)
    spec = read("a fox --ar 1:1 --turbo --no fog --seed 1 --v 7", suffix)
    assert (str(spec.aspect_ratio), spec.tier, spec.seed) == ("1:1", Tier.TURBO, 1)
    assert (spec.negative_text, spec.family) == ("text, fog", ModelFamily.FLUX)


def test_a_field_beats_a_suffix() -> None:
    spec = read("a fox", Preferences(suffix="--steps 9 --fast"), steps=4, tier=Tier.RELAX)
    assert (spec.steps, spec.tier) == (4, Tier.RELAX)


def test_what_may_be_kept_is_kept_clean() -> None:
    assert check_option("--Wide", "  --ar   16:9 ", Preferences()) == ("wide", "--ar 16:9")
    assert check_option("wide", "", WIDE) == ("wide", "")
    assert WIDE.with_option("wide", "").options == {}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ar", "--seed 7"),
        ("v", "--seed 7"),
        ("7up", "--seed 7"),
        ("a b", "--seed 7"),
        ("", "--seed 7"),
        ("wide", "words --ar 3:2"),
        ("wide", "words"),
        ("wide", "--other"),
        ("wide", "--repeat 3"),
        ("wide", "--dry"),
        ("wide", "--seed x"),
        ("wide", "--no " + "x" * 500),
        ("wide", "https://x.example/a.png"),
    ],
)
def test_what_is_no_option_is_refused(name: str, value: str) -> None:
    with pytest.raises(BadInput) as caught:
        check_option(name, value, Preferences())
    assert caught.value.way_out


def test_only_so_many_options_are_kept() -> None:
    full = Preferences(options={f"o{number}": "--relax" for number in range(OPTIONS_MAX)})
    with pytest.raises(InvalidOption):
        check_option("one-more", "--relax", full)
    assert check_option("o3", "--turbo", full) == ("o3", "--turbo")


def test_a_suffix_is_parameters_only() -> None:
    assert check_parameters("--relax  --no text") == "--relax --no text"
    with pytest.raises(InvalidOption):
        check_parameters("orange::-1")
