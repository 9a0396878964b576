import pytest

from backend.domain.errors import (
    BracketUnbalanced,
    ImageCountOutOfRange,
    InvalidAspectRatio,
    InvalidParameter,
    ParameterNotSupported,
    PromptEmpty,
    PromptTooDeep,
    PromptTooLong,
    QuoteUnclosed,
    SamplerNotSupported,
    SeedOutOfRange,
    StepsOutOfRange,
    TooManyPermutations,
    UnknownParameter,
    WeightOutOfRange,
)
from backend.domain.families import ModelFamily, Sampler
from backend.domain.prompts import SEED_MAX, STEPS_MAX, AspectRatio, PromptSpec, WeightedPart
from backend.domain.tiers import Tier
from backend.prompt.house import shipped_house
from backend.prompt.parse import parse
from tests.builders import a_request


def read(prompt, **fields):
    (variant,) = parse(
        a_request(prompt, **fields), default_family=ModelFamily.SDXL, house=shipped_house()
    )
    return variant.spec


def negative(prompt, **fields):
    return [part.text for part in read(prompt, **fields).negative]


def test_words_without_parameters_get_the_defaults():
    assert read("a fox in the snow") == PromptSpec(
        positive=(WeightedPart.plain("a fox in the snow"),)
    )


def test_every_parameter_is_read():
    spec = read(
        "a fox --ar 3:2 --seed 7 --no text, frames --steps 20 --n 2 --guidance 7.5"
        " --sampler ddim --relax --family sdxl"
    )
    assert spec == PromptSpec(
        positive=(WeightedPart.plain("a fox"),),
        negative=(WeightedPart.plain("text"), WeightedPart.plain("frames")),
        family=ModelFamily.SDXL,
        tier=Tier.RELAX,
        aspect_ratio=AspectRatio(width=3, height=2),
        steps=20,
        guidance=7.5,
        sampler=Sampler.DDIM,
        seed=7,
        image_count=2,
    )


@pytest.mark.parametrize(
    ("prompt", "field", "value"),
    [
        ("a fox --aspect 16:9", "aspect_ratio", AspectRatio(width=16, height=9)),
        ("a fox --AR 4:2", "aspect_ratio", AspectRatio(width=2, height=1)),
        ("a fox —ar 3:2", "aspect_ratio", AspectRatio(width=3, height=2)),
        ("a fox \u2013\u2013ar 3:2", "aspect_ratio", AspectRatio(width=3, height=2)),
        ("a fox --seed=9", "seed", 9),
        ("a fox --seed 0", "seed", 0),
        (f"a fox --seed {SEED_MAX}", "seed", SEED_MAX),
        ("a fox --cfg 3", "guidance", 3.0),
        ("a fox --m flux", "family", ModelFamily.FLUX),
        ("a fox --Turbo", "tier", Tier.TURBO),
        ("a fox --turbo --fast", "tier", Tier.FAST),
        ("a fox --sampler Euler-A", "sampler", Sampler.EULER_A),
        ("a fox --sampler euler a", "sampler", Sampler.EULER_A),
        ("a fox --steps 5 --steps 9", "steps", 9),
        ("a fox --seed 5 --seed 9", "seed", 5),
    ],
)
def test_parameters_can_be_written_in_more_than_one_way(prompt, field, value):
    assert getattr(read(prompt), field) == value


@pytest.mark.parametrize(
    "text",
    [
        "a fox -- running",
        "a well-known red-green x-ray",
        "foo--bar baz",
        "a fox — running wild",
        "a fox —running wild",
        "--5 degrees",
        "100 % wool, a < b > c",
        "1) a fox :) at 10:30",
        "a ratio of 3:2",
    ],
)
def test_other_dashes_colons_and_closing_brackets_are_plain_words(text):
    assert read(text).positive_text == text


def test_dashes_inside_values_stay():
    assert negative("a fox --no red-green, x-ray --seed 3") == ["red-green", "x-ray"]


def test_negative_terms_are_united():
    assert negative("a fox --no text, hats --no hats, , trees", negative_prompt="text, rain") == [
        "text",
        "hats",
        "trees",
        "rain",
    ]


def test_a_negative_field_is_words_only():
    assert negative("a fox", negative_prompt="rain --turbo --seed 3") == ["rain --turbo --seed 3"]


def test_fields_count_where_the_text_says_nothing():
    fields = {
        "family": ModelFamily.FLUX,
        "tier": Tier.TURBO,
        "aspect_ratio": AspectRatio(width=2, height=3),
        "steps": 9,
        "guidance": 2.5,
        "sampler": Sampler.FLOW_EULER,
        "seed": 0,
        "image_count": 1,
    }
    spec = read("a fox", **fields)
    assert {name: getattr(spec, name) for name in fields} == fields


def test_the_text_beats_the_fields():
    spec = read("a fox --seed 0 --n 3 --steps 4 --relax", seed=5, image_count=1, steps=8)
    assert (spec.seed, spec.image_count, spec.steps, spec.tier) == (0, 3, 4, Tier.RELAX)


def test_blanks_are_folded_and_what_cannot_be_seen_is_dropped():
    assert read("  a\x00fox\n\tin \u202ethe\ud800   snow ").positive_text == "a fox in the snow"


@pytest.mark.parametrize(
    ("prompt", "error"),
    [
        ("", PromptEmpty),
        ("()", PromptEmpty),
        ("::", PromptEmpty),
        ("a (red fox", BracketUnbalanced),
        ("a [red fox", BracketUnbalanced),
        ("a {red, green fox", BracketUnbalanced),
        ("a (red:11) fox", WeightOutOfRange),
        ("a (red:1,3) fox", WeightOutOfRange),
        ("a fox::-1", WeightOutOfRange),
        ("a fox::1 b::-1", WeightOutOfRange),
        ("a fox ::2::3", WeightOutOfRange),
        ("(a::2)", BracketUnbalanced),
        ("(" * 17 + "a" + ")" * 17, PromptTooDeep),
        ("{" * 9 + "a" + "}" * 9, PromptTooDeep),
        ("{a, b}" * 6, TooManyPermutations),
        ('a fox --no "red', QuoteUnclosed),
        ('a fox --no "red" cat', QuoteUnclosed),
        ("https://x.example/a.png a fox --family sd3", ParameterNotSupported),
        (" \n\t ", PromptEmpty),
        ("--ar 3:2", PromptEmpty),
        ("x" * 10_000, PromptTooLong),
        ("a fox --ar 0:3", InvalidAspectRatio),
        ("a fox --ar 10:1", InvalidAspectRatio),
        ("a fox --ar wide", InvalidAspectRatio),
        ("a fox --ar", InvalidAspectRatio),
        ("a fox --ar 3:2 in snow", InvalidAspectRatio),
        ("a fox --seed 99999999999", SeedOutOfRange),
        ("a fox --seed -1", SeedOutOfRange),
        ("a fox --seed " + "9" * 3900, SeedOutOfRange),
        ("a fox --seed 3 --seed -3", SeedOutOfRange),
        ("a fox --seed seven", InvalidParameter),
        ("a fox --seed 7 in snow", InvalidParameter),
        ("a fox --steps 0", StepsOutOfRange),
        (f"a fox --steps {STEPS_MAX + 1}", StepsOutOfRange),
        ("a fox --steps many", InvalidParameter),
        ("a fox --n 0", ImageCountOutOfRange),
        ("a fox --n 5", ImageCountOutOfRange),
        ("a fox --n", InvalidParameter),
        ("a fox --guidance 0.5", InvalidParameter),
        ("a fox --cfg 31", InvalidParameter),
        ("a fox --cfg nan", InvalidParameter),
        ("a fox --sampler", InvalidParameter),
        ("a fox --sampler flow_euler", SamplerNotSupported),
        ("a fox --family sd1", InvalidParameter),
        ("a fox --turbo please", InvalidParameter),
        ("a fox --no", InvalidParameter),
        ("a fox --no ,", InvalidParameter),
        ("a fox --colour red", UnknownParameter),
        ("a fox --ar3:2", UnknownParameter),
    ],
)
def test_what_cannot_be_read_is_refused_by_its_own_error(prompt, error):
    with pytest.raises(error) as caught:
        read(prompt)
    assert caught.value.message
    assert caught.value.way_out


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"seed": -1}, SeedOutOfRange),
        ({"seed": 2**32}, SeedOutOfRange),
        ({"steps": 0}, StepsOutOfRange),
        ({"image_count": 0}, ImageCountOutOfRange),
        ({"image_count": 5}, ImageCountOutOfRange),
        ({"guidance": 0.0}, InvalidParameter),
        ({"guidance": float("nan")}, InvalidParameter),
        ({"guidance": float("inf")}, InvalidParameter),
        ({"negative_prompt": "x" * 4001}, PromptTooLong),
    ],
)
def test_fields_out_of_range_are_refused(fields, error):
    with pytest.raises(error):
        read("a fox", **fields)


def test_an_unknown_parameter_is_answered_with_the_closest_known_one():
    with pytest.raises(UnknownParameter) as caught:
        read("a fox --sede 7")
    assert "--seed?" in caught.value.way_out


def test_a_family_is_the_texts_then_the_fields_then_the_houses() -> None:
    def family_of(prompt: str, **fields: object) -> ModelFamily:
        request = a_request(prompt, **fields)
        (variant,) = parse(request, default_family=ModelFamily.FLUX, house=shipped_house())
        return variant.spec.family

    assert family_of("a fox") is ModelFamily.FLUX
    assert family_of("a fox", family=ModelFamily.SD3) is ModelFamily.SD3
    assert family_of("a fox --family sdxl", family=ModelFamily.SD3) is ModelFamily.SDXL
    # A sampler is judged by the family that draws.
    with pytest.raises(SamplerNotSupported):
        family_of("a fox --sampler ddim")
