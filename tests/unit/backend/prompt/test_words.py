"""What words mean with brackets, weights and parts, and where each of them was typed."""

import pytest

from backend.domain.errors import BadInput
from backend.domain.families import ModelFamily
from backend.prompt.house import shipped_house
from backend.prompt.parse import parse
from tests.builders import a_request


def variants(prompt: str):
    return parse(a_request(prompt), default_family=ModelFamily.SDXL, house=shipped_house())


def parts(prompt: str) -> list[tuple[list[tuple[str, float]], float]]:
    (variant,) = variants(prompt)
    return [
        ([(term.text, term.weight) for term in part.terms], part.weight)
        for part in variant.spec.positive
    ]


def terms(prompt: str) -> list[tuple[str, float]]:
    ((read, weight),) = parts(prompt)
    assert weight == 1
    return read


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        ("a (red:1.3) fox", [("a ", 1), ("red", 1.3), (" fox", 1)]),
        ("a (red : 1.3) fox", [("a ", 1), ("red ", 1.3), ("fox", 1)]),
        ("(red)", [("red", 1.1)]),
        ("((red))", [("red", 1.21)]),
        ("[red]", [("red", 0.9091)]),
        ("([red])", [("red", 1)]),
        ("(a (red:2) fox:1.5)", [("a ", 1.5), ("red", 3), (" fox", 1.5)]),
        ("(a) (b)", [("a b", 1.1)]),
        ("(red:-0.5) fox", [("red", -0.5), (" fox", 1)]),
        ("(red:.5) fox", [("red", 0.5), (" fox", 1)]),
        ("a (10:30) b", [("a ", 1), ("10", 30)]),
        (r"a \(red\) fox", [("a (red) fox", 1)]),
        (r"(at 10\:30)", [("at 10:30", 1.1)]),
        ("[red:1.3]", [("red:1.3", 0.9091)]),
        ("( red )", [("red", 1.1)]),
        ("a () fox", [("a fox", 1)]),
        ("(fox:)", [("fox:", 1.1)]),
        (r"C:\\art \x", [("C:\\art \\x", 1)]),
    ],
)
def test_brackets_weigh_words(prompt: str, expected: list[tuple[str, float]]) -> None:
    if any(weight > 10 for _, weight in expected):
        with pytest.raises(BadInput):
            parts(prompt)
        return
    assert terms(prompt) == expected


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        ("hot:: dog", [("hot", 1), ("dog", 1)]),
        ("hot::2 dog", [("hot", 2), ("dog", 1)]),
        ("hot::2 dog::-0.5", [("hot", 2), ("dog", -0.5)]),
        ("hot::.5 dog::", [("hot", 0.5), ("dog", 1)]),
        ("hot:: 2 dogs", [("hot", 1), ("2 dogs", 1)]),
        ("a house::3D print", [("a house", 1), ("3D print", 1)]),
        ("hot::2, dog", [("hot", 2), ("dog", 1)]),
        ("only::7", [("only", 1)]),
        ("a:: :: b", [("a", 1), ("b", 1)]),
        (r"std\:\:vector", [("std::vector", 1)]),
        ("cup::100 cake::50", [("cup", 100), ("cake", 50)]),
    ],
)
def test_double_colons_make_parts(prompt: str, expected: list[tuple[str, float]]) -> None:
    assert [(text, weight) for [(text, _)], weight in parts(prompt)] == expected


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        ("{red, green} bird", ["red bird", "green bird"]),
        (
            "{red, green} bird in {a jungle, deserts}",
            [
                "red bird in a jungle",
                "red bird in deserts",
                "green bird in a jungle",
                "green bird in deserts",
            ],
        ),
        (
            "{gull {on a pier, at sea}, poodle}",
            ["gull on a pier", "gull at sea", "poodle"],
        ),
        (r"{red, pastel\, yellow} bird", ["red bird", "pastel, yellow bird"]),
        (r"\{a, b\}", ["{a, b}"]),
        ("a} b", ["a} b"]),
        ("{red} bird", ["red bird"]),
        ("{, big} bird", ["bird", "big bird"]),
        ("a (bird:{1.2, 1.4})", ["a bird", "a bird"]),
    ],
)
def test_braces_make_prompts(prompt: str, expected: list[str]) -> None:
    assert [variant.spec.positive_text for variant in variants(prompt)] == expected


def test_braces_reach_into_parameters() -> None:
    ratios = [str(one.spec.aspect_ratio) for one in variants("a fox --ar {3:2, 1:1}")]
    assert ratios == ["3:2", "1:1"]
    names = [(one.spec.tier, one.spec.seed) for one in variants("a fox --{turbo, seed 7}")]
    assert names == [("turbo", None), ("fast", 7)]


@pytest.mark.parametrize(
    ("prompt", "at", "hint"),
    [
        ("a (red fox", "(", "Close it with )"),
        ("a fox [in snow --ar 3:2", "[", "Close it with ]"),
        ("a {red, blue fox", "{", "Close it with }"),
        ("a fox --sede 7", "--sede", "--seed?"),
        ("a fox --ar 16x9", "16x9", "--ar 16:9?"),
        ("a fox --ar 1.39:1", "1.39", "--ar 139:100?"),
        ("a fox --ar3:2", "--ar3", "--ar 3:2?"),
        ("a fox --seed seven", "seven", "--seed 20"),
        ("a fox --turbo please", "please", "last"),
        ("a   fox \t --family  sd4", "sd4", "--family sd3"),
        ("two (at (10:30)) foxes", "(10", "\\:"),
        ("a (red:1,3) fox", ":1,3", "1.3"),
        ("cup cake::1 fox::-2", "fox", "more weight"),
        ("a fox --no red::2", "::2", "(word:1.3)"),
        ("{a, b} fox --seed x", "x", "--seed"),
        ("a fox --sampler flow_euler", "flow", "euler_a"),
        ("\ufeffa \u202efox --guidance 99", "99", "7.5"),
    ],
)
def test_an_error_points_at_the_character_and_says_what_to_write(
    prompt: str, at: str, hint: str
) -> None:
    with pytest.raises(BadInput) as caught:
        variants(prompt)
    error = caught.value
    assert error.position == prompt.rindex(at) if at == "x" else prompt.index(at)
    assert hint in error.way_out
    line, mark = error.caret.split("\n")
    assert line[len(mark) - 1 :].startswith(at[0])


def test_every_piece_knows_where_it_was_typed() -> None:
    typed = "  a \t (red:1.3)  fox::2  [deep] snow"
    (variant,) = variants(typed)
    words = variant.words
    shown = []
    for part in words.parts:
        for piece in part.pieces:
            begin = variant.words_text.place(piece.begin)
            shown.append((piece.text.strip(), typed[begin : begin + len(piece.text.strip())]))
    assert [text for text, _ in shown if text] == ["a", "red", "fox", "deep", "snow"]
    assert all(found == text for text, found in shown if text)


def test_loras_are_read_among_the_words_and_as_parameters() -> None:
    (variant,) = variants("a <lora:ink:0.8> fox <LORA:pixel-art> --lora ink:0.5 --lora lines:-1")
    assert variant.spec.positive_text == "a fox"
    assert [str(lora) for lora in variant.spec.loras] == ["ink:0.5", "pixel-art:1", "lines:-1"]


def test_a_lora_that_is_none_is_pointed_at() -> None:
    for prompt, at in (("a <lora:ink:9> fox", "ink"), ("a fox --lora ink:9", "ink")):
        with pytest.raises(BadInput) as caught:
            variants(prompt)
        assert caught.value.position == prompt.index(at)
