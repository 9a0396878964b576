"""Finds people's names, and judges what is asked of them as if everybody knew them."""

from dataclasses import replace
from typing import Final, Literal

from safety.prompt_check import PromptCheck
from safety.prompt_checks.transformers_model.process import Labels, ModelProcess
from safety.verdict import Finding

TASK: Final = "token-classification"
# What a model calls a person, and the word that the rules know for somebody named.
PEOPLE: Final = frozenset(["per", "person", "b-per", "i-per", "b-person", "i-person"])
SOMEBODY: Final = "somebodynamed"
_SURE: Final = 0.5


class NamesPromptCheck:
    """Holds what the rules on public figures hold, for any name that a model finds.

    `entities` are those rules; a text without names is no concern of this check.
    """

    name = "names"
    is_heavy: Literal[True] = True

    def __init__(self, *, model: ModelProcess, entities: PromptCheck) -> None:
        self._model = model
        self._entities = entities

    def check(self, text: str) -> list[Finding]:
        if not text.strip():
            return []
        spans = people(self._model.labels(text))
        if not spans:
            return []
        for start, end in reversed(spans):
            text = f"{text[:start]} {SOMEBODY} {text[end:]}"
        found = self._entities.check(text)
        # Where words stand is true of the text with its names replaced only.
        return [replace(finding, check=self.name, spans=()) for finding in found]


def people(labels: Labels) -> list[tuple[int, int]]:
    """Return where people are named, each name once, in order."""
    spans: list[tuple[int, int]] = []
    for label in sorted(labels, key=lambda label: int(label["start"])):
        kind = str(label.get("entity_group", label.get("label", ""))).casefold()
        if kind not in PEOPLE or float(label["score"]) < _SURE:
            continue
        start, end = int(label["start"]), int(label["end"])
        if spans and start <= spans[-1][1] + 1:
            spans[-1] = spans[-1][0], max(end, spans[-1][1])
        else:
            spans.append((start, end))
    return spans
