"""What each family makes of each parameter: exact, approximated or refused, and why.

This table is the only place that says so: prompts are resolved by it, the answers quote it, and
`PARAMETERS.md` is written from it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from backend.domain.errors import ParameterNotSupported
from backend.domain.families import IMAGE_PROMPT_FAMILIES, ModelFamily
from backend.domain.pictures import PictureUse
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


_NO_OBJECTS: Final = "no model here takes an object out of a picture."
_NO_IMAGE_PROMPTS: Final = "no adapter of this family takes up a picture's look."
_NO_FILMS: Final = "pictures are drawn here, no films."
_TO_SDXL: Final = "Take --family sdxl."
_TO_STYLE: Final = "Say the style in words, or take a preset with --style."


def _by_image_prompts(why: str, support: Support = Support.APPROXIMATED) -> dict[ModelFamily, Cell]:
    return {
        family: Cell(support, why)
        if family in IMAGE_PROMPT_FAMILIES
        else Cell(Support.REFUSED, _NO_IMAGE_PROMPTS, _TO_SDXL)
        for family in ModelFamily
    }


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
            _TO_SDXL,
        ),
        FLUX: Cell(
            Support.REFUSED,
            "its network knows each token's place, so edges cannot meet.",
            _TO_SDXL,
        ),
    },
    "iw": _by_image_prompts(
        "how strongly the given image prompts count beside the words", Support.EXACT
    ),
    "sref": _by_image_prompts(
        "its pictures are looked at as image prompts are, where the network decides on style"
    ),
    "sw": _by_image_prompts(
        "strength of those image prompts: none at 0, as usual at 100, three times at 1000"
    ),
    "sv": _refused("there is one way to take a style here.", "Leave it out."),
    "cref": _by_image_prompts("its pictures are looked at as image prompts are, whole"),
    "cw": _by_image_prompts("strength of those image prompts: 0.3 at 0, as usual at 100"),
    "oref": _refused(_NO_OBJECTS, "Name the picture with --cref."),
    "ow": _refused(_NO_OBJECTS, "Take --cw with --cref."),
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
LINKS: Final = _by_image_prompts(
    "the pictures are fetched and screened, and their look is taken up", Support.EXACT
)
NOT_FETCHED: Final = Cell(
    Support.REFUSED,
    "this workshop fetches nothing from elsewhere.",
    "Upload the picture, and name the upload in its place.",
)
_HEAD: Final = """# Parameters by family

Written from the table in `support.py` by `python -m backend.prompt.page`.

| parameter | values | is | sdxl | sd3 | flux |
|---|---|---|---|---|---|
"""
_LINKS_SAID: Final = (
    "a link before the words",
    "http or https",
    "a picture whose look is taken up",
)


def cell_of(name: str, family: ModelFamily) -> Cell:
    """Return what a family makes of a parameter."""
    return SUPPORT[name][family]


def refusal(what: str, cell: Cell) -> ParameterNotSupported:
    """Make the error that a cell of the table stands for."""
    return ParameterNotSupported(what=what, why=cell.why, way_out=cell.way_out)


def notes_of(spec: PromptSpec) -> tuple[str, ...]:
    """Say in a sentence each what the family can only come near to, and what says nothing here."""
    approximated = (
        f"--{name} is approximated by {spec.family}: {cell_of(name, spec.family).why}."
        for name in spec.approximated
    )
    return (*approximated, *_idle_notes(spec))


def _idle_notes(spec: PromptSpec) -> Iterator[str]:
    """Tell of weights of pictures where there are none; a request's own may be of any use."""
    if spec.effort.pictures > len(spec.pictures):
        return
    weights = {
        ("iw", PictureUse.LOOK): spec.image_weight,
        ("sw", PictureUse.STYLE): spec.style_weight,
        ("cw", PictureUse.CHARACTER): spec.character_weight,
    }
    for (name, use), weight in weights.items():
        if weight is not None and all(one.use is not use for one in spec.pictures):
            yield f"--{name} changes nothing: no picture's {use} is taken up."


def page() -> str:
    """Return the table for people to read."""
    rows = [_row(parameter.name) for parameter in PARAMETERS]
    return _HEAD + _line(*_LINKS_SAID, LINKS) + "".join(rows)


def _row(name: str) -> str:
    parameter = next(one for one in PARAMETERS if one.name == name)
    spellings = ", ".join(f"`--{one}`" for one in (name, *parameter.others))
    values = parameter.values or "no value"
    return _line(spellings, values, parameter.purpose, SUPPORT[name])


def _line(spelt: str, values: str, purpose: str, cells: Mapping[ModelFamily, Cell]) -> str:
    shown = [_show(cells[family]) for family in ModelFamily]
    if len(set(shown)) == 1:
        shown = [shown[0], "the same", "the same"]
    return f"| {spelt} | {values} | {purpose} | {' | '.join(shown)} |\n"


def _show(cell: Cell) -> str:
    return f"**{cell.support}**: {cell.why}".rstrip(".")
