"""A text classifier that somebody else taught, as a check: its labels become our categories."""

import math
from collections.abc import Mapping
from typing import Final, Literal

from safety.errors import CheckFailed
from safety.policy import DEFAULT_POLICY, GUARD
from safety.prompt_checks.transformers_model.process import ModelProcess
from safety.verdict import Finding

TASK: Final = "text-classification"


class GuardPromptCheck:
    """Says how surely a text is of a category; labels that are no category mean no harm."""

    name = GUARD
    is_heavy: Literal[True] = True

    def __init__(self, *, model: ModelProcess, categories: Mapping[str, str]) -> None:
        self._model = model
        self._categories = {label.casefold(): name for label, name in categories.items()}

    def check(self, text: str) -> list[Finding]:
        if not text.strip():
            return []
        found = {
            self._categories[str(label["label"]).casefold()]: float(label["score"])
            for label in sorted(self._model.labels(text), key=lambda label: float(label["score"]))
            if str(label["label"]).casefold() in self._categories
        }
        if not found:
            raise CheckFailed("the model has none of the labels that are set")
        category = max(found, key=lambda name: found[name])
        if not math.isfinite(found[category]):
            raise CheckFailed("the model gave no number")
        return [
            Finding(
                check=self.name,
                outcome=DEFAULT_POLICY.classified(found[category]),
                category=category,
                rule=f"{category}.{self.name}",
                score=round(found[category], 4),
            )
        ]
