"""Weighted words and manners as a worker is told of them; what is plain it is not told."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from backend.contracts import MannerUse, PromptPart, PromptTerm
from backend.domain.manner import Manner
from backend.domain.prompts import WeightedPart, WeightedTerm

_HEAVIEST: Final = 10.0


def parts_of(parts: Sequence[WeightedPart]) -> tuple[PromptPart, ...]:
    """Return the parts to mix; none where the plain text says it all."""
    if len(parts) == 1 and parts[0].is_plain:
        return ()
    # Only their relations count, and no message carries more than ten.
    heaviest = max(_HEAVIEST, *(abs(part.weight) for part in parts))
    return tuple(
        PromptPart(terms=_terms_of(part.terms), weight=part.weight * _HEAVIEST / heaviest)
        for part in parts
    )


def negative_parts_of(parts: Sequence[WeightedPart]) -> tuple[PromptPart, ...]:
    """Return the things to leave out as one text with weights; none where all are plain."""
    if all(part.is_plain for part in parts):
        return ()
    return (PromptPart(terms=_terms_of(listed(parts).terms)),)


def manner_of(manner: Manner) -> MannerUse | None:
    """Return how to draw; None where it is as usual."""
    use = MannerUse(
        effort=manner.effort,
        stop=manner.stop,
        chaos=manner.chaos,
        weird=manner.weird,
        is_same_seed=manner.is_same_seed,
    )
    return None if use == MannerUse() else use


def listed(parts: Sequence[WeightedPart]) -> WeightedPart:
    """Return parts as one that lists them."""
    terms: list[WeightedTerm] = []
    for part in parts:
        if terms and part.terms:
            terms[-1] = replace(terms[-1], text=f"{terms[-1].text}, ")
        terms += part.terms
    return WeightedPart(terms=tuple(terms))


def _terms_of(terms: Sequence[WeightedTerm]) -> tuple[PromptTerm, ...]:
    # A tokenizer may take a blank for a word.
    return tuple(PromptTerm(text=term.text.strip(), weight=term.weight) for term in terms)
