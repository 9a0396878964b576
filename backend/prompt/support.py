"""What each family makes of each parameter: exact, approximated or refused, and why.

This table is the only place that says so: prompts are resolved by it, the answers quote it, and
`PARAMETERS.md` is written from it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from backend.domain.families import ModelFamily
from backend.domain.prompts import PromptSpec
from backend.prompt.spellings import PARAMETERS

SDXL, SD3, FLUX = ModelFamily.SDXL, ModelFamily.SD3, ModelFamily.FLUX


class Support(StrEnum):
    """How far a parameter is kept."""

    EXACT = "exact"
    APPROXIMATED = "approximated"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Cell:
    """How far, and what happens in its place; a refusal says what to do instead."""

    support: Support
    why: str
    way_out: str = ""


def _exact(why: str) -> dict[ModelFamily, Cell]:
    return dict.fromkeys(ModelFamily, Cell(Support.EXACT, why))


def _approximated(why: str) -> dict[ModelFamily, Cell]:
    return dict.fromkeys(ModelFamily, Cell(Support.APPROXIMATED, why))


def _refused(why: str, way_out: str) -> dict[ModelFamily, Cell]:
    return dict.fromkeys(ModelFamily, Cell(Support.REFUSED, why, way_out))


_NO_REFERENCES: Final = "no model here takes a picture's {what} apart from its content."
_NO_IMAGE_PROMPTS: Final = "no adapter of this family takes up a picture's look."
_NO_FILMS: Final = "pictures are drawn here, no films."
_TO_STYLE: Final = "Say the style in words, or take a preset with --style."

SUPPORT: Final[Mapping[str, Mapping[ModelFamily, Cell]]] = {
    "ar": _approximated(
        "drawn in the model's native area, in sides it can halve; the nearest size is used"
    ),
    "no": {
        SDXL: Cell(Support.EXACT, "the negative prompt"),
        SD3: Cell(Support.EXACT, "the negative prompt"),
        FLUX: Cell(
            Support.APPROXIMATED,
            "the negative prompt; models that guide themselves, as FLUX.1-dev, look at none",
        ),
    },
    "seed": _exact("picture i begins with seed + i, and can be had again by it"),
    "sameseed": _exact("all pictures of the job begin with the same noise"),
    "n": _exact("as many pictures"),
    "steps": _exact("as many denoising steps"),
    "guidance": _exact("the guidance scale, or what a distilled model is told in its place"),
    "sampler": _exact("the sampler, where the family can be drawn with it"),
    "family": _exact("the family"),
    "version": _approximated("drawn by the family that this workshop set for that version"),
    "niji": _approximated("drawn by the family that this workshop set for that version"),
    "turbo": _exact("the line"),
    "fast": _exact("the line"),
    "relax": _exact("the line"),
    "quality": _approximated("as many times the steps, and so the time and the price"),
    "draft": _approximated("half the steps, and so half the time and the price"),
    "stop": _exact("ends after so many hundredths of the steps, and shows what it foresees"),
    "chaos": _approximated(
        "each picture but the first reads the words through noise of its own, stronger with the "
        "number"
    ),
    "weird": _approximated("all pictures read the words through the same noise of the seed"),
    "stylize": _approximated(
        "this workshop's style in words, mixed in with a weight of up to six tenths"
    ),
    "style": _exact("the words, and perhaps settings, of one of this workshop's presets"),
    "raw": _exact("no house style"),
    "no-translate": _exact("the words are read as they were typed, in whatever language"),
    "repeat": _exact("as many jobs, each with a seed of its own and paid for by itself"),
    "lora": _exact("the LoRA, where it was made for the family; <lora:NAME:0.8> is the same"),
    "tile": {
        SDXL: Cell(Support.EXACT, "opposite edges meet"),
        SD3: Cell(
            Support.REFUSED,
            "its network knows each token's place, so edges cannot meet.",
            "Take --family sdxl.",
        ),
        FLUX: Cell(
            Support.REFUSED,
            "its network knows each token's place, so edges cannot meet.",
            "Take --family sdxl.",
        ),
    },
    "iw": {
        SDXL: Cell(Support.EXACT, "how strongly the given image prompts count beside the words"),
        SD3: Cell(Support.REFUSED, _NO_IMAGE_PROMPTS, "Take --family sdxl."),
        FLUX: Cell(Support.REFUSED, _NO_IMAGE_PROMPTS, "Take --family sdxl."),
    },
    "sref": _refused(_NO_REFERENCES.format(what="style"), _TO_STYLE),
    "sw": _refused(_NO_REFERENCES.format(what="style"), _TO_STYLE),
    "sv": _refused(_NO_REFERENCES.format(what="style"), _TO_STYLE),
    "cref": _refused(_NO_REFERENCES.format(what="character"), "Describe the character in words."),
    "cw": _refused(_NO_REFERENCES.format(what="character"), "Describe the character in words."),
    "oref": _refused(_NO_REFERENCES.format(what="object"), "Describe the object in words."),
    "ow": _refused(_NO_REFERENCES.format(what="object"), "Describe the object in words."),
    "edit": _refused("no model here changes pictures by words.", "Vary one of your pictures."),
    "exp": _refused("no model here was trained for it.", "Take --stylize or --guidance."),
    "profile": _refused("nobody's taste is learned here.", _TO_STYLE),
    "zoom": _exact("from how far a picture is seen that grows; only under *Custom Zoom*"),
    "stealth": _refused(
        "pictures are seen where they were asked for, and there is no gallery to hide them from.",
        "Ask in a private channel.",
    ),
    "dry": _exact("nothing is drawn or paid; the answer says what would be"),
    "public": _exact("nothing to do: pictures are seen where they were asked for"),
    "hd": _refused("the model sets the size.", "Upscale a picture when it is there."),
    "video": _refused(_NO_FILMS, "Leave it out."),
    "motion": _refused(_NO_FILMS, "Leave it out."),
    "loop": _refused(_NO_FILMS, "Leave it out."),
    "end": _refused(_NO_FILMS, "Leave it out."),
    "bs": _refused(_NO_FILMS, "Take --n for the number of pictures."),
}
LINKS: Final = Cell(
    Support.REFUSED,
    "links are not fetched, so that nobody can be made to fetch what they should not.",
    "Describe in words what the picture shows.",
)
_HEAD: Final = """# Parameters by family

Written from the table in `support.py` by `python -m backend.prompt.page`.

| parameter | values | is | sdxl | sd3 | flux |
|---|---|---|---|---|---|
"""


def cell_of(name: str, family: ModelFamily) -> Cell:
    """Return what a family makes of a parameter."""
    return SUPPORT[name][family]


def notes_of(spec: PromptSpec) -> tuple[str, ...]:
    """Say in a sentence each what the family can only come near to."""
    return tuple(
        f"--{name} is approximated by {spec.family}: {cell_of(name, spec.family).why}."
        for name in spec.approximated
    )


def page() -> str:
    """Return the table for people to read."""
    return _HEAD + "".join(_row(parameter.name) for parameter in PARAMETERS)


def _row(name: str) -> str:
    parameter = next(one for one in PARAMETERS if one.name == name)
    spellings = ", ".join(f"`--{one}`" for one in (name, *parameter.others))
    cells = [SUPPORT[name][family] for family in ModelFamily]
    shown = [_show(cell) for cell in cells]
    if len(set(shown)) == 1:
        shown = [shown[0], "the same", "the same"]
    values = parameter.values or "no value"
    return f"| {spellings} | {values} | {parameter.purpose} | {' | '.join(shown)} |\n"


def _show(cell: Cell) -> str:
    return f"**{cell.support}**: {cell.why}".rstrip(".")
