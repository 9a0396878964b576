"""Two hundred prompts, each with what it means: `golden/cases.txt`, a line each.

Behind `=>` stands the prompt as it is written back, less the family that draws by default; of
several, all, with ` | ` between them. Behind `=!` stand the code of the error, the character it
points at, and what is offered in its place.
"""

from pathlib import Path

import pytest

from backend.domain.errors import BadInput
from backend.domain.families import ModelFamily
from backend.prompt.house import shipped_house
from backend.prompt.parse import parse
from backend.prompt.write import write
from tests.builders import a_request

FILE = Path(__file__).parent / "golden" / "cases.txt"
LINES = [line for line in FILE.read_text("utf-8").splitlines() if line and not line.startswith("#")]
USUAL = " --family sdxl"


def meaning_of(prompt: str) -> str:
    """Return the right side of a prompt's line."""
    request = a_request(prompt)
    try:
        variants = parse(request, default_family=ModelFamily.SDXL, house=shipped_house())
    except BadInput as error:
        return f"=! {error.code} @{error.position} {error.way_out}"
    texts = [write(variant.spec).removesuffix(USUAL) for variant in variants]
    repeats = {variant.given.repeat or 1 for variant in variants}
    times = "" if repeats == {1} else f" ({repeats.pop()} times)"
    return "=> " + " | ".join(texts) + times


@pytest.mark.parametrize("line", LINES)
def test_a_prompt_means_what_is_written_beside_it(line: str) -> None:
    sign = " =! " if " =! " in line else " => "
    prompt, _, _ = line.partition(sign)
    assert f"{prompt} {meaning_of(prompt)}" == line


def test_there_are_two_hundred() -> None:
    assert len(set(LINES)) == len(LINES) >= 200
