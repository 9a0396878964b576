"""An image classifier for transformers whose labels are the groups."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from PIL import Image

from safety.errors import CheckFailed
from safety.estimator import UNKNOWN, Estimate
from safety.image_classifier import BATCH, open_image_classifier

# An estimate below this is none: of two groups, it is little better than a coin.
SURE: Final = 0.6
# Labels that say that there is nothing to tell.
NO_GROUP: Final = frozenset({"", "none", "unknown", "no face", "no person", "other"})
_GROUPS_MIN: Final = 2


class ImageClassifierEstimator:
    """Sorts portraits by the label that is likeliest."""

    def __init__(self, *, axis: str, source: str) -> None:
        self._classify, labels = open_image_classifier(source)
        self.axis = axis
        self.name = Path(source).name
        self.groups = tuple(sorted({_plain(label) for label in labels} - NO_GROUP))
        if len(self.groups) < _GROUPS_MIN:
            raise CheckFailed(f"{source} tells fewer than two groups apart")

    def estimate(self, portraits: Sequence[Image.Image]) -> list[Estimate]:
        # The pipeline does not take nothing for an answer.
        if not portraits:
            return []
        answers = self._classify(list(portraits), top_k=1, batch_size=BATCH)
        if len(answers) != len(portraits):
            raise CheckFailed(f"{self.name} gave {len(answers)} answers for {len(portraits)}")
        return [_estimate(answer[0]) for answer in answers]


def _estimate(best: dict[str, object]) -> Estimate:
    group, confidence = _plain(best["label"]), float(str(best["score"]))
    if not 0 <= confidence <= 1 + 1e-5:
        raise CheckFailed("an estimate's confidence is not from 0 to 1")
    is_sure = confidence >= SURE and group not in NO_GROUP
    return Estimate(group=group if is_sure else UNKNOWN, confidence=min(confidence, 1.0))


def _plain(label: object) -> str:
    return str(label).strip().casefold()
