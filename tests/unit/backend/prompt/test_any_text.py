"""Whatever is typed is read, or refused by its own error, and can be written back the same."""

import time
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.domain.errors import BadInput
from backend.domain.families import FAMILY_SAMPLERS, ModelFamily
from backend.domain.pictures import NamedPicture, PictureUse
from backend.domain.prompts import (
    SEED_MAX,
    STEPS_MAX,
    AspectRatio,
    PromptSpec,
    WeightedPart,
)
from backend.domain.tiers import Tier
from backend.prompt.house import shipped_house
from backend.prompt.parse import Variant, parse
from backend.prompt.write import write
from tests.builders import a_request

TOO_LONG = 4000


def read(prompt: str, **fields) -> tuple[Variant, ...]:
    return parse(
        a_request(prompt, **fields), default_family=ModelFamily.SDXL, house=shipped_house()
    )


def points_within(error: BadInput, length: int) -> None:
    assert error.position is None or 0 <= error.position <= length
    assert error.way_out


MARKS = [
    *'()[]{}<>,:\\"\u2014\u2013\u201c\u201d',
    *(
        "::",
        "--",
        "\u2013\u2013",
        ":1.3)",
        "::2",
        "::-.5",
        "(a:1.2)",
        "[b]",
        "{c, d}",
        "https://x.y",
        "<https://x.y>",
        "--sref https://x.y::2 ",
        "--cref upl_1 ",
        "::1",
    ),
    *("--ar 3:2", "--no ", "--seed 7", "--turbo", "--n ", "<lora:", "<lora:x:0.8>"),
    *("\\(", "\\,", "\\:", "\\-", "\\{"),
]
ANY_TEXT = st.text(st.characters(), max_size=60)
TYPED = st.lists(
    st.one_of(ANY_TEXT, st.sampled_from(MARKS), st.sampled_from([" ", "a", "fox"])), max_size=16
).map("".join)


@given(TYPED, ANY_TEXT)
def test_any_text_is_read_or_refused_and_what_is_read_can_be_written_and_read_again(
    text: str, negatives: str
) -> None:
    try:
        variants = read(text, negative_prompt=negatives)
    except BadInput as error:
        points_within(error, max(len(text), len(negatives)))
        return
    for variant in variants:
        written = write(variant.spec)
        if len(written) > TOO_LONG:
            continue
        (again,) = read(written)
        assert again.spec == variant.spec
        assert write(again.spec) == written


@given(TYPED)
def test_places_are_true(text: str) -> None:
    try:
        variants = read(text)
    except BadInput:
        return
    for variant in variants:
        places = list(variant.text.places)
        for character, place in zip(variant.text.text, places, strict=True):
            assert text[place] == character or character == " "
        for part in variant.words.parts:
            for piece in part.pieces:
                assert 0 <= piece.begin < piece.end <= len(variant.words_text.text)


WORDS = st.text(st.characters(categories=("L", "N", "P", "S")), min_size=1, max_size=9)
TEXTS = st.lists(WORDS, min_size=1, max_size=4).map(" ".join)
LINKS = WORDS.map(lambda text: f"https://{text.rstrip(',')}x")
PICTURES = st.builds(NamedPicture, name=LINKS)
REFERENCES = st.builds(
    NamedPicture,
    name=LINKS | st.sampled_from(["upl_0a", "gen_0a", "gen_0a-1/2", "https://x::2"]),
    weight=st.sampled_from([1.0, 2.0, 0.5, 0.0001, 100.0]),
)
SPECS = st.builds(
    PromptSpec,
    positive=st.lists(TEXTS.filter(lambda text: text[0] != ","), min_size=1, max_size=3).map(
        lambda texts: tuple(WeightedPart.plain(text) for text in texts)
    ),
    negative=st.lists(TEXTS, max_size=3, unique=True).map(
        lambda texts: tuple(WeightedPart.plain(text) for text in texts)
    ),
    tier=st.sampled_from(Tier),
    aspect_ratio=st.sampled_from([AspectRatio(), AspectRatio(width=3, height=2)]),
    steps=st.none() | st.integers(1, STEPS_MAX),
    guidance=st.none() | st.floats(1, 30).map(lambda number: round(number, 6)),
    sampler=st.none() | st.sampled_from(FAMILY_SAMPLERS[ModelFamily.SDXL]),
    seed=st.none() | st.integers(0, SEED_MAX),
    image_count=st.integers(1, 4),
    pictures=st.tuples(
        st.lists(PICTURES, max_size=2),
        st.lists(REFERENCES, max_size=1),
        st.lists(REFERENCES, max_size=1),
    ).map(
        lambda uses: tuple(
            replace(picture, use=use)
            for use, pictures in zip(PictureUse, uses, strict=True)
            for picture in pictures
        )
    ),
    style_weight=st.none() | st.integers(0, 1000),
    character_weight=st.none() | st.integers(0, 100),
)


@given(SPECS)
def test_a_spec_written_and_read_again_is_the_same(spec: PromptSpec) -> None:
    (variant,) = read(write(spec))
    told = [name for name in variant.spec.approximated if name not in ("sref", "cref", "sw", "cw")]
    assert replace(variant.spec, approximated=tuple(told)) == spec


@pytest.mark.parametrize(
    "text",
    [
        "fox " * 25_000,
        "(" * 100_000,
        "(" * 2_000 + "fox" + ")" * 1_990,
        "[" * 3_999,
        "{" * 100_000,
        "{a," * 1_300,
        "{a, b}" * 600,
        "fox\0" * 25_000,
        "\ud800" * 100_000,
        "\ud800fox" * 900,
        "\\" * 3_999,
        "::" * 1_999,
        "a::1 " * 799,
        "--no " * 799,
        '--no "' * 600,
        "<lora:" * 660,
        "<lora:" * 10 + "x" * 3_900,
        ":1.3)" * 799,
        "(a:1.3" * 660,
        ":" * 3_999,
        "https://x " * 399,
        "\u2014" * 3_999,
        "a \u2014b" * 990,
        "a --no " + "(x:1.1), " * 430,
        "\u00a0" * 100_000,
    ],
    ids=lambda text: repr(text[:12]),
)
def test_what_is_long_or_nested_is_answered_in_half_a_second(text: str) -> None:
    begun_s = time.process_time()
    try:
        read(text)
    except BadInput as error:
        points_within(error, len(text))
    assert time.process_time() - begun_s < 0.5
