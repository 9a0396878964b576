"""What the renderer wants of whoever dresses its model, and the words that call what is worn."""

import re
from collections.abc import Sequence
from typing import Protocol

from backend.contracts import LoraUse, PromptPart, PromptTerm, RenderJob

# LoRAs that count, in one order.
Outfit = tuple[LoraUse, ...]


class Dresser(Protocol):
    """Has a model wear LoRAs; what it wears already costs nothing to ask for again."""

    def dress_encoders(self, outfit: Outfit) -> Outfit:
        """Have the text encoders wear these and no others; return those that touch them.

        Raises:
            RenderError: they cannot be worn; nothing is.

        """

    def dress_network(self, outfit: Outfit) -> object:
        """Have what draws wear these and no others.

        Raises:
            RenderError: they cannot be worn; nothing is.

        """

    def words_for(self, outfit: Outfit) -> Sequence[str]:
        """Return the words that call the styles of an outfit."""


def call_styles(job: RenderJob, words: Sequence[str]) -> RenderJob:
    """Return the job with those of the words in its prompt that are not in it yet."""
    parts = job.parts or (PromptPart(terms=(PromptTerm(text=job.prompt),)),)
    said = " ".join("".join(term.text for term in part.terms) for part in parts)
    missing = [word for word in words if not _has_word(said, word)]
    if not missing:
        return job
    added = ", ".join(missing)
    if not job.parts:
        return job.model_copy(update={"prompt": f"{job.prompt}, {added}"})
    first = job.parts[0]
    terms = (*first.terms, PromptTerm(text=f", {added}"))
    changed = first.model_copy(update={"terms": terms})
    return job.model_copy(update={"parts": (changed, *job.parts[1:])})


def _has_word(text: str, word: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(word)}(?!\w)", text, re.IGNORECASE) is not None
