"""The table of parameters and families: whole, true, and the same as its page."""

import pytest

from backend.domain.errors import ParameterNotSupported
from backend.domain.families import FAMILY_SAMPLERS, ModelFamily
from backend.prompt.house import shipped_house
from backend.prompt.page import PAGE
from backend.prompt.parse import parse
from backend.prompt.spellings import PARAMETERS, SPELLINGS, find
from backend.prompt.support import LINKS, SUPPORT, Support, page
from tests.builders import a_request

VALUES = {
    "ar": "3:2",
    "no": "fog",
    "seed": "7",
    "n": "2",
    "steps": "9",
    "guidance": "4",
    "version": "6",
    "niji": "6",
    "quality": ".5",
    "stop": "50",
    "chaos": "30",
    "weird": "300",
    "stylize": "200",
    "style": "ink",
    "repeat": "2",
    "lora": "ink:0.8",
    "iw": "1.5",
    "zoom": "1.5",
    "sref": "https://x.example/a.png",
    "sw": "300",
    "cref": "upl_0a1b",
    "cw": "50",
}
NAMES = [parameter.name for parameter in PARAMETERS]


def text_of(name: str, family: ModelFamily) -> str:
    values = {**VALUES, "sampler": FAMILY_SAMPLERS[family][0].value, "family": family.value}
    # A version names its family itself.
    choice = "" if name in ("version", "niji", "family") else f"--family {family}"
    return f"a fox --{name} {values.get(name, '')} {choice}".strip()


def test_every_parameter_has_its_row_and_no_row_stands_for_another() -> None:
    assert list(SUPPORT) == NAMES or set(SUPPORT) == set(NAMES)
    assert all(set(row) == set(ModelFamily) for row in SUPPORT.values())


def test_no_two_parameters_are_written_the_same() -> None:
    spelt = [word for parameter in PARAMETERS for word in (parameter.name, *parameter.others)]
    assert len(set(spelt)) == len(spelt) == len(SPELLINGS)


@pytest.mark.parametrize("family", ModelFamily)
@pytest.mark.parametrize("name", NAMES)
def test_a_family_keeps_a_parameter_as_the_table_says(name: str, family: ModelFamily) -> None:
    request = a_request(text_of(name, family), family=family)
    cell = SUPPORT[name][family]
    if cell.support is Support.REFUSED:
        with pytest.raises(ParameterNotSupported) as caught:
            parse(request, default_family=family, house=shipped_house())
        assert cell.why in caught.value.message
        assert caught.value.way_out == cell.way_out != ""
        assert caught.value.position == request.prompt.index(f"--{name}")
        return
    for variant in parse(request, default_family=family, house=shipped_house()):
        support = SUPPORT[name][variant.spec.family].support
        is_told = name in variant.spec.approximated
        assert is_told == (support is Support.APPROXIMATED and name != "ar")


@pytest.mark.parametrize("family", ModelFamily)
def test_a_family_takes_links_as_the_table_says(family: ModelFamily) -> None:
    request = a_request("https://x.example/a.png a fox", family=family)
    cell = LINKS[family]
    if cell.support is Support.REFUSED:
        with pytest.raises(ParameterNotSupported) as caught:
            parse(request, default_family=family, house=shipped_house())
        assert (caught.value.position, caught.value.way_out) == (0, cell.way_out)
        return
    (one,) = parse(request, default_family=family, house=shipped_house())
    assert [picture.name for picture in one.spec.pictures] == ["https://x.example/a.png"]


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_every_spelling_is_read_in_any_case_and_after_any_dash(spelling: str) -> None:
    parameter = find(spelling.upper())
    assert parameter is not None
    assert spelling in (parameter.name, *parameter.others)
    for dashes in ("--", "\u2014", "\u2013\u2013", "\u2013"):
        value = VALUES.get(parameter.name, "")
        request = a_request(f"a fox {dashes}{spelling.title()} {value}")
        cell = SUPPORT[parameter.name][ModelFamily.SDXL]
        if cell.support is Support.REFUSED:
            with pytest.raises(ParameterNotSupported):
                parse(request, default_family=ModelFamily.SDXL, house=shipped_house())
        elif value:
            (one, *_) = parse(request, default_family=ModelFamily.SDXL, house=shipped_house())
            assert one.given.find(parameter.name) is not None


def test_the_page_is_written_from_the_table() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "python -m backend.prompt.page"
