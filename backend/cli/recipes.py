"""Recipes as files on the command line: read, written, and what came of drawing by one."""

import argparse
from pathlib import Path

from pydantic import ValidationError

from backend.domain.errors import InvalidParameter
from backend.domain.jobs import Job
from backend.domain.recipes import Reproduction
from backend.service.recipes import DOCUMENT, RecipeDocument, document_of

_IN_THE_RECIPE = ("prompt", "family", "seed", "ar", "steps", "n", "tier")


def must_stand_alone(arguments: argparse.Namespace) -> None:
    """Refuse to ask for the very same pictures and for others at once.

    Raises:
        InvalidParameter: something is asked for beside the recipe.

    """
    is_more_asked = any(getattr(arguments, name) is not None for name in _IN_THE_RECIPE)
    if is_more_asked or arguments.control:
        raise _wrong("a recipe's file and nothing else to draw")


def read_recipe(path: Path) -> RecipeDocument:
    """Read a recipe's file.

    Raises:
        InvalidParameter: it cannot be read, or is none.

    """
    try:
        return DOCUMENT.validate_json(path.read_bytes())
    except OSError as error:
        raise _wrong(f"a file that can be read; {path}: {error.strerror}") from error
    except ValidationError as error:
        raise _wrong(f"a file with a recipe, and {path} is none") from error


def _wrong(expected: str) -> InvalidParameter:
    error = InvalidParameter(name="exact", expected=expected)
    error.way_out = "Write `impasto imagine --exact fox.json`; `--recipe fox.json` writes one."
    return error


def write_recipe(job: Job, path: Path) -> None:
    """Write how a delivered job's pictures were made.

    Raises:
        RecipeNotFound: whoever drew them did not say.
        OSError: it cannot be written.

    """
    path.write_bytes(DOCUMENT.dump_json(document_of(job), indent=2) + b"\n")


def tell_reproduction(made: Reproduction) -> str:
    """Say in one sentence whether the very same pictures came out again."""
    if made.is_same:
        return "Reproduced: every pixel is the same."
    differs = ", ".join(made.differs) or "nothing that is known"
    return f"Not reproduced: the pixels differ (different: {differs})."
