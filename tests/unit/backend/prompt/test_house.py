"""A workshop's own part of the language: presets, versions, taste."""

from pathlib import Path

import pytest

from backend.domain.errors import InvalidParameter
from backend.domain.families import ModelFamily
from backend.domain.prompts import AspectRatio, PromptSpec
from backend.prompt.house import BadHouse, House, open_house, shipped_house
from backend.prompt.parse import parse
from backend.prompt.write import write
from tests.builders import a_request


def read(prompt: str, house: House | None = None) -> PromptSpec:
    (variant,) = parse(
        a_request(prompt), default_family=ModelFamily.SDXL, house=house or shipped_house()
    )
    return variant.spec


def a_house(tmp_path: Path, text: str) -> House:
    path = tmp_path / "house.toml"
    path.write_text(text)
    return open_house(path)


def test_a_style_adds_words_and_things_to_leave_out() -> None:
    spec = read("a fox --style photo --no fog")
    assert spec.positive_text == "a fox"
    assert spec.drawn_text.startswith("a fox, photograph")
    assert [part.text for part in spec.negative] == ["fog", "drawing", "painting", "cartoon"]
    assert spec.manner.style == "photo"


def test_a_styles_parameters_are_overridden_by_the_prompts() -> None:
    assert read("a fox --style cinematic").aspect_ratio == AspectRatio(width=21, height=9)
    assert read("a fox --style cinematic --ar 1:1").aspect_ratio == AspectRatio()


@pytest.mark.parametrize(
    "prompt", ["a fox --style cinematic --ar 1:1", "a fox --style photo --no x", "a --style INK"]
)
def test_a_styled_prompt_is_written_and_read_the_same(prompt: str) -> None:
    spec = read(prompt)
    assert read(write(spec)) == spec


def test_a_style_nobody_knows_is_answered_with_the_nearest() -> None:
    with pytest.raises(InvalidParameter) as caught:
        read("a fox --style cinematc")
    assert "--style cinematic?" in caught.value.way_out
    assert caught.value.position == len("a fox --style ")


def test_the_words_of_a_style_follow_the_first_part_and_its_weights() -> None:
    first, second = read("a (fox:1.2)::2 snow --style ink").drawn
    assert [term.weight for term in first.terms] == [1, 1.2, 1]
    assert first.terms[-1].text.startswith(", ink drawing")
    assert second.text == "snow"


def test_more_stylize_mixes_in_more_of_the_workshops_taste() -> None:
    weights = [
        sum(part.weight for part in read(f"a fox --s {number}").house)
        for number in (0, 50, 100, 250, 1000)
    ]
    assert weights == sorted(weights)
    assert (weights[0], weights[-1]) == (0, 0.6)
    assert read("a fox").house == ()
    assert read("a fox --s 900 --raw").house == ()


def test_a_version_is_drawn_by_the_family_set_for_it() -> None:
    assert read("a fox --v 7").family is ModelFamily.FLUX
    assert read("a fox --niji 6").family is ModelFamily.SD3
    assert read("a fox --v 7 --m sdxl").family is ModelFamily.SDXL
    with pytest.raises(InvalidParameter) as caught:
        read("a fox --v 9")
    assert "6.1" in caught.value.message


def test_a_deployment_has_a_file_of_its_own(tmp_path: Path) -> None:
    house = a_house(tmp_path, '[styles.Ours]\nwords = "our  style"\nparameters = "--c 10 --s 5"\n')
    spec = read("a fox --style ours --s 7", house)
    assert (spec.style_words, spec.manner.chaos, spec.manner.stylize) == ("our style", 10, 7)


@pytest.mark.parametrize(
    "text",
    [
        "[styles.x]\nword = 'y'",
        "[versions]\n'1' = 'vae'",
        "[styles.x]\nparameters = '--sede 7'",
        "[styles.x]\nparameters = 'words --seed 7'",
        "[styles.x]\nnegative = '(a'",
        "not toml",
    ],
)
def test_a_file_that_cannot_be_used_says_why(tmp_path: Path, text: str) -> None:
    with pytest.raises(BadHouse):
        a_house(tmp_path, text)
    with pytest.raises(BadHouse):
        open_house(tmp_path / "missing.toml")
