"""Every parameter there is, by its own name and by all the others people write it with."""

import re
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Final

from backend.domain.errors import UnknownParameter

_GLUED: Final = re.compile(r"([a-z]+)([0-9.:].*)")


@dataclass(frozen=True, kw_only=True, slots=True)
class Parameter:
    """A parameter: its name, its other names, the values it takes and what it is for."""

    name: str
    others: tuple[str, ...] = ()
    values: str = ""
    purpose: str = ""


PARAMETERS: Final = (
    Parameter(name="ar", others=("aspect",), values="W:H, 1:3 to 3:1", purpose="aspect ratio"),
    Parameter(name="no", values="words, with commas", purpose="what to leave out"),
    Parameter(name="seed", values="0 to 4294967295", purpose="the noise a picture begins with"),
    Parameter(name="sameseed", purpose="all pictures of a job begin with the same noise"),
    Parameter(name="n", values="1 to 4", purpose="how many pictures"),
    Parameter(name="steps", values="1 to 150", purpose="denoising steps"),
    Parameter(name="guidance", others=("cfg",), values="1 to 30", purpose="pull toward the words"),
    Parameter(name="sampler", values="a sampler's name", purpose="denoising schedule"),
    Parameter(name="family", others=("m",), values="sdxl, sd3, flux", purpose="which model draws"),
    Parameter(name="version", others=("v",), values="a number", purpose="a model's version"),
    Parameter(name="niji", values="a number", purpose="the drawn-animation model"),
    Parameter(name="turbo", purpose="the first line"),
    Parameter(name="fast", purpose="the second line"),
    Parameter(name="relax", purpose="the line of those who can wait"),
    Parameter(name="quality", others=("q",), values=".25 .5 1 2 4", purpose="steps, and so time"),
    Parameter(name="draft", purpose="half the steps"),
    Parameter(name="stop", values="10 to 100", purpose="end early, in hundredths of the steps"),
    Parameter(name="chaos", others=("c",), values="0 to 100", purpose="spread of the pictures"),
    Parameter(name="weird", others=("w",), values="0 to 3000", purpose="odd readings of the words"),
    Parameter(name="stylize", others=("s",), values="0 to 1000", purpose="strength of house style"),
    Parameter(name="style", values="a preset's name, or raw", purpose="a style of this workshop"),
    Parameter(name="raw", purpose="no house style"),
    Parameter(name="no-translate", purpose="draw the words as they are typed"),
    Parameter(name="repeat", others=("r",), values="2 to 40", purpose="as many jobs"),
    Parameter(name="dry", purpose="say what would be drawn, and do not draw it"),
    Parameter(name="lora", values="NAME:0.8", purpose="a LoRA and its strength"),
    Parameter(name="tile", purpose="a picture whose edges meet"),
    Parameter(name="iw", values="0 to 3", purpose="weight of image prompts"),
    Parameter(
        name="sref", values="links, uploads, gen_…/2", purpose="pictures whose style is taken up"
    ),
    Parameter(name="sw", values="0 to 1000", purpose="weight of --sref"),
    Parameter(name="sv", values="1 to 6", purpose="version of --sref"),
    Parameter(
        name="cref", values="links, uploads, gen_…/2", purpose="pictures of who is to be seen"
    ),
    Parameter(name="cw", values="0 to 100", purpose="weight of --cref"),
    Parameter(name="oref", values="a link", purpose="a picture's object"),
    Parameter(name="ow", values="1 to 1000", purpose="weight of --oref"),
    Parameter(name="edit", values="links", purpose="change pictures by words"),
    Parameter(name="exp", values="0 to 100", purpose="detail and tone"),
    Parameter(name="profile", others=("p",), values="a code", purpose="a personal style"),
    Parameter(name="zoom", values="1 to 2", purpose="draw around a picture"),
    Parameter(name="stealth", purpose="hide from the gallery"),
    Parameter(name="public", purpose="show to everybody"),
    Parameter(name="hd", purpose="larger pictures"),
    Parameter(name="video", purpose="a film"),
    Parameter(name="motion", values="low, high", purpose="movement of a film"),
    Parameter(name="loop", purpose="a film that ends as it begins"),
    Parameter(name="end", values="a link", purpose="last picture of a film"),
    Parameter(name="bs", values="1 to 4", purpose="films at once"),
)
_BY_SPELLING: Final = {
    spelling: parameter
    for parameter in PARAMETERS
    for spelling in (parameter.name, *parameter.others)
}
SPELLINGS: Final = tuple(sorted(_BY_SPELLING))
# What nobody would guess is told; what only other workshops have is not advertised.
_OFFERED: Final = (
    "ar, chaos, family, guidance, lora, n, no, quality, raw, repeat, sampler, seed, steps, stop, "
    "style, stylize, weird"
)


def find(spelling: str) -> Parameter | None:
    """Return the parameter that is written so, in whatever case."""
    return _BY_SPELLING.get(spelling.casefold())


def unknown(spelling: str) -> UnknownParameter:
    """Make the error for what is no parameter, with the nearest spelling that is one."""
    error = UnknownParameter(name=spelling, known=tuple(_OFFERED.split(", ")))
    nearest = nearest_to(spelling)
    if nearest:
        error.way_out = f"Did you mean --{nearest}? {error.way_out}"
    return error


def nearest_to(spelling: str) -> str:
    """Return what was probably meant; "" if nothing comes near."""
    folded = spelling[:32].casefold()
    glued = _GLUED.fullmatch(folded)
    if glued and glued[1] in _BY_SPELLING:
        return f"{glued[1]} {glued[2]}"
    bare = folded.strip(",.;:!?")
    if bare in _BY_SPELLING:
        return bare
    return next(iter(get_close_matches(folded, SPELLINGS, n=1, cutoff=0.7)), "")
