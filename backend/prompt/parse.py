"""Reads one free text, `a fox in the snow --ar 3:2`, into a PromptSpec, and writes it back.

The words come first, parameters after them. A parameter is two dashes (or the long dash that
phones make of them) right before a name, at the beginning of a word; all other dashes are dashes.
"""

import re
import unicodedata
from collections.abc import Iterator
from typing import Final

from backend.domain.errors import PromptEmpty, PromptTooLong
from backend.domain.families import ModelFamily
from backend.domain.prompts import (
    IMAGE_COUNT_MAX,
    PROMPT_MAX_CHARACTERS,
    AspectRatio,
    PromptSpec,
    WeightedTerm,
)
from backend.domain.requests import GenerationRequest
from backend.domain.tiers import Tier
from backend.prompt.parameters import (
    Parameters,
    check_guidance,
    check_image_count,
    check_sampler,
    check_seed,
    check_steps,
    is_known,
    read_parameter,
    split_terms,
)

_PARAMETER: Final = re.compile(r"(?<!\S)(--|\u2014|\u2013\u2013)([^\W\d_][^\s=]*)=?")
# Characters that turn the direction of what follows; they have no place in a prompt.
_TURNS: Final = frozenset(
    "\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff"
)


def parse(request: GenerationRequest, *, default_family: ModelFamily) -> PromptSpec:
    """Read a request's text and fields; a parameter in the text beats the field of that name.

    `default_family` draws where neither names one.

    Raises:
        BadInput: the text cannot be read, or something in it or in a field is out of range.

    """
    text, given = _split(_clean(request.prompt))
    if not text:
        raise PromptEmpty
    negative = split_terms(_without_parameters(_clean(request.negative_prompt)))
    family = given.family or request.family or default_family
    fields = _check_fields(request)
    sampler = given.sampler or fields.sampler
    return PromptSpec(
        positive=(WeightedTerm(text=text),),
        negative=tuple(
            WeightedTerm(text=term) for term in dict.fromkeys((*given.negative, *negative))
        ),
        family=family,
        tier=given.tier or fields.tier or Tier.FAST,
        aspect_ratio=given.aspect_ratio or fields.aspect_ratio or AspectRatio(),
        steps=fields.steps if given.steps is None else given.steps,
        guidance=fields.guidance if given.guidance is None else given.guidance,
        sampler=None if sampler is None else check_sampler(sampler, family),
        seed=fields.seed if given.seed is None else given.seed,
        image_count=given.image_count or fields.image_count or IMAGE_COUNT_MAX,
    )


def render(spec: PromptSpec) -> str:
    """Write a spec as the text that parses to it: the words, then all its parameters."""
    parts = [spec.positive_text]
    if spec.negative:
        parts.append(f"--no {spec.negative_text}")
    parts.append(f"--ar {spec.aspect_ratio}")
    optional = {
        "seed": spec.seed,
        "steps": spec.steps,
        "guidance": spec.guidance,
        "sampler": spec.sampler,
    }
    parts.extend(f"--{name} {value}" for name, value in optional.items() if value is not None)
    parts.append(f"--n {spec.image_count} --family {spec.family} --{spec.tier}")
    return " ".join(parts)


def _clean(text: str) -> str:
    """Fold all blanks to single ones, and leave out what cannot be seen or sent.

    Raises:
        PromptTooLong: more is left than is read.

    """
    kept = "".join(filter(None, map(_clean_character, text)))
    cleaned = " ".join(kept.split())
    if len(cleaned) > PROMPT_MAX_CHARACTERS:
        raise PromptTooLong(characters=len(cleaned), limit=PROMPT_MAX_CHARACTERS)
    return cleaned


def _clean_character(character: str) -> str:
    if character in _TURNS:
        return ""
    match unicodedata.category(character):
        case "Cc":
            return " "
        case "Cs":
            return ""
        case _:
            return character


def _split(text: str) -> tuple[str, Parameters]:
    starts = list(_parameters(text))
    given = Parameters()
    if not starts:
        return text.strip(), given
    words = text[: starts[0].start()]
    ends = [match.start() for match in starts[1:]] + [len(text)]
    for match, end in zip(starts, ends, strict=True):
        given = read_parameter(match[2], text[match.end() : end].strip(), given)
    return words.strip(), given


def _parameters(text: str) -> Iterator[re.Match[str]]:
    for match in _PARAMETER.finditer(text):
        # Prose has long dashes too: those are parameters only before a name that is one.
        if match[1] == "--" or is_known(match[2]):
            yield match


def _without_parameters(text: str) -> str:
    return _PARAMETER.sub(lambda match: match[2], text)


def _check_fields(request: GenerationRequest) -> Parameters:
    return Parameters(
        aspect_ratio=request.aspect_ratio,
        tier=request.tier,
        steps=None if request.steps is None else check_steps(request.steps),
        guidance=None if request.guidance is None else check_guidance(request.guidance),
        sampler=request.sampler,
        seed=None if request.seed is None else check_seed(request.seed),
        image_count=None if request.image_count is None else check_image_count(request.image_count),
    )
