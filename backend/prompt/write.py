"""Writes what was understood as the text that is understood so."""

import re
from collections.abc import Iterator, Sequence
from typing import Final

from backend.domain.manner import Manner
from backend.domain.pictures import PictureUse
from backend.domain.prompts import (
    IMAGE_COUNT_MAX,
    AspectRatio,
    PromptSpec,
    WeightedPart,
    WeightedTerm,
)
from backend.domain.tiers import Tier
from backend.prompt.references import write_link, write_reference

_BRACKETS: Final = re.compile(r"[\\()\[\]{}]")
_COLONS: Final = re.compile(r":(?=:)|(?<=:):|^:|:$|:(?= ?[+-]?[0-9.,]+ ?$)")
_LORA: Final = re.compile(r"<(?=lora:)", re.IGNORECASE)
_DASHES: Final = re.compile(r"(?<!\S)(?=(?:--|\u2013\u2013|\u2014|\u2013)[^\W\d_])")


def write(spec: PromptSpec) -> str:
    """Write a spec as the text that parses to it: links, words, and what is not as usual."""
    links = [write_link(one) for one in spec.pictures if one.use is PictureUse.LOOK]
    parts = [*links, write_words(spec.positive), *_parameters(spec), f"--family {spec.family}"]
    return " ".join(filter(None, parts))


def _parameters(spec: PromptSpec) -> Iterator[str]:
    if spec.negative:
        yield f"--no {write_list(spec.negative)}"
    # Where a preset may have a word in it, everything is said.
    says_all = spec.manner.style != ""
    if says_all or spec.aspect_ratio != AspectRatio():
        yield f"--ar {spec.aspect_ratio}"
    optional = {
        "seed": spec.seed,
        "steps": spec.steps,
        "guidance": None if spec.guidance is None else str(spec.guidance).removesuffix(".0"),
        "sampler": spec.sampler,
    }
    yield from (f"--{name} {value}" for name, value in optional.items() if value is not None)
    if says_all or spec.image_count != IMAGE_COUNT_MAX:
        yield f"--n {spec.image_count}"
    if says_all or spec.tier is not Tier.FAST:
        yield f"--{spec.tier}"
    given = {"iw": spec.image_weight, "zoom": spec.zoom}
    yield from (f"--{name} {value:g}" for name, value in given.items() if value is not None)
    yield from _references(spec)
    yield from (f"--lora {lora}" for lora in spec.loras)
    if spec.is_tiled:
        yield "--tile"
    yield from write_manner(spec.manner)


def _references(spec: PromptSpec) -> Iterator[str]:
    for name, use in (("sref", PictureUse.STYLE), ("cref", PictureUse.CHARACTER)):
        named = [write_reference(one) for one in spec.pictures if one.use is use]
        if named:
            yield f"--{name} {' '.join(named)}"
    weights = {"sw": spec.style_weight, "cw": spec.character_weight}
    yield from (f"--{name} {value}" for name, value in weights.items() if value is not None)


def write_manner(manner: Manner) -> Iterator[str]:
    """Yield the parameters that say how to draw."""
    usual = Manner()
    for name in ("quality", "stop", "chaos", "weird"):
        value = getattr(manner, name)
        if manner.style or value != getattr(usual, name):
            yield f"--{name} {value:g}"
    if manner.stylize is not None:
        yield f"--stylize {manner.stylize}"
    if manner.style:
        yield f'--style "{manner.style}"'
    flags = {
        "raw": manner.is_raw,
        "draft": manner.is_draft,
        "sameseed": manner.is_same_seed,
        "no-translate": manner.is_verbatim,
    }
    yield from (f"--{name}" for name, is_set in flags.items() if is_set)


def write_words(parts: Sequence[WeightedPart]) -> str:
    """Write parts as the words that are read as them."""
    if len(parts) == 1:
        text = _write_terms(parts[0].terms)
    else:
        texts = [_write_terms(part.terms) for part in parts]
        # A comma behind :: would only set the parts apart.
        texts[1:] = [f"\\{text}" if text.startswith(",") else text for text in texts[1:]]
        weights = ["" if part.weight == 1 else _number(part.weight) for part in parts]
        text = " ".join(f"{text}::{weight}" for text, weight in zip(texts, weights, strict=True))
    # What begins with a link is a picture's.
    text = re.sub(r"^(https?):(?=//)", r"\1\\:", text, flags=re.IGNORECASE)
    return re.sub(r"^<(?=https?://)", r"\\<", text, flags=re.IGNORECASE)


def write_list(parts: Sequence[WeightedPart]) -> str:
    """Write things to leave out, with commas between them."""
    text = ", ".join(_write_terms(part.terms, escapes_commas=True) for part in parts)
    return f"\\{text}" if text[:1] in ('"', "\u201c") else text


def _write_terms(terms: Sequence[WeightedTerm], *, escapes_commas: bool = False) -> str:
    return "".join(_write_term(term, escapes_commas=escapes_commas) for term in terms)


def _write_term(term: WeightedTerm, *, escapes_commas: bool) -> str:
    text = _BRACKETS.sub(r"\\\g<0>", term.text)
    text = _COLONS.sub(r"\\\g<0>", text)
    text = _LORA.sub(r"\\<", text)
    text = _DASHES.sub(r"\\", text)
    if escapes_commas:
        text = text.replace(",", "\\,")
    return text if term.weight == 1 else f"({text}:{_number(term.weight)})"


def _number(value: float) -> str:
    return f"{value:.4f}".rstrip("0").rstrip(".")
