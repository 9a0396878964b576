"""The classifier as a check: how sure it is, and what that comes to in the policy that ships."""

from typing import Final

from safety.policy import CLASSIFIER, DEFAULT_POLICY
from safety.prompt_checks.classifier.network import ANY, Classifier
from safety.verdict import Finding

# What the network tells apart for its own good, in the words of policies.
_POLICY_CATEGORIES: Final = {"violence": "violence_gore", "gore": "violence_gore"}


class ClassifierPromptCheck:
    """Says how surely a text speaks of what is not drawn; one finding a text, harmless or not."""

    name = CLASSIFIER

    def __init__(self, *, classifier: Classifier) -> None:
        self._classifier = classifier

    def check(self, text: str) -> list[Finding]:
        scores = self._classifier.scores(text)
        score = scores.pop(ANY)
        learned = max(scores, key=lambda name: scores[name])
        category = _POLICY_CATEGORIES.get(learned, learned)
        return [
            Finding(
                check=self.name,
                outcome=DEFAULT_POLICY.classified(score),
                category=category,
                rule=f"{category}.{self.name}",
                score=round(score, 4),
            )
        ]
