"""Reads what a LoRA's maker wrote beside its tensors: words that call its style, and scalings."""

import json
import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

_PEFT = "lora_adapter_metadata"
_MOST_WORDS = 8
_MOST_WORD_LENGTH = 80
# A word that calls the style stands in nearly every caption of it.
_ALMOST_ALWAYS = 0.9


def read_trigger_words(notes: Mapping[str, str]) -> tuple[str, ...]:
    """Return the words that a LoRA's maker wrote down as those that call what it was taught."""
    for name in ("modelspec.trigger_phrase", "trigger_words", "ss_trigger_words"):
        if said := notes.get(name, "").strip():
            return _tidy(_as_list(said))
    return ()


def find_trigger_words(notes: Mapping[str, str]) -> tuple[str, ...]:
    """Return the words that call what a LoRA was taught; none if nothing tells of any.

    Said outright (`modelspec.trigger_phrase`, `trigger_words`), or guessed from how often kohya's
    scripts saw each tag.
    """
    if said := read_trigger_words(notes):
        return said
    folders = _parse(notes.get("ss_tag_frequency", ""))
    counted: Counter[str] = Counter()
    for tags in folders.values():
        if isinstance(tags, dict):
            counted.update({str(tag): n for tag, n in tags.items() if isinstance(n, int)})
    if not counted:
        return ()
    most = max(counted.values())
    return _tidy(tag for tag, count in counted.most_common() if count >= most * _ALMOST_ALWAYS)


@dataclass(frozen=True, kw_only=True)
class TrainingNotes:
    """How peft was told to scale an adapter; without its notes, pairs are taken as they are."""

    settings: Mapping[str, Any]

    @classmethod
    def read(cls, notes: Mapping[str, str]) -> "TrainingNotes":
        """Read what diffusers keeps of peft's configuration."""
        return cls(settings=_parse(notes.get(_PEFT, "")))

    @property
    def is_dora(self) -> bool:
        """Whether it is an adapter of another kind under the same names."""
        return any(name.endswith("use_dora") and said for name, said in self.settings.items())

    def scaling(self, part: str, layer: str, *, rank: int) -> float:
        """Return what a layer's pair is to be multiplied by."""
        alpha = self.settings.get(f"{part}.lora_alpha")
        for pattern, own in (self.settings.get(f"{part}.alpha_pattern") or {}).items():
            if re.fullmatch(rf"(.*\.)?{re.escape(pattern)}", layer):
                alpha = own
        if not isinstance(alpha, int | float):
            return 1.0
        return alpha / (math.sqrt(rank) if self.settings.get(f"{part}.use_rslora") else rank)


def _as_list(said: str) -> list[str]:
    try:
        words = json.loads(said)
    except ValueError:
        return said.split(",")
    return [str(word) for word in words] if isinstance(words, list) else said.split(",")


def _tidy(words: Iterable[str]) -> tuple[str, ...]:
    tidied = (" ".join(word.split())[:_MOST_WORD_LENGTH] for word in words)
    return tuple(dict.fromkeys(word for word in tidied if word))[:_MOST_WORDS]


def _parse(said: str) -> dict[str, Any]:
    try:
        parsed = json.loads(said or "{}")
    except ValueError:
        return {}
    return parsed if isinstance(parsed, dict) else {}
