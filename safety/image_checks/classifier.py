"""What an image classifier for transformers thinks of some of its labels."""

from collections.abc import Collection, Sequence

from PIL import Image

from safety.errors import CheckFailed
from safety.image_classifier import BATCH, open_image_classifier
from safety.scoring import Score


def load_classifier(source: str, *, labels: Collection[str]) -> Score:
    """Load a classifier on the CPU; return what adds up its probabilities of `labels`.

    Raises:
        CheckFailed: it is no image classifier, or knows none of the labels.

    """
    classify, names = open_image_classifier(source)
    sought = {label.casefold() for label in labels}
    known = {name.casefold() for name in names}
    if not sought & known:
        raise CheckFailed(f"{source} knows {', '.join(sorted(known))}, none of which is sought")

    def score(pictures: Sequence[Image.Image]) -> list[float]:
        answers = classify(list(pictures), top_k=None, batch_size=BATCH)
        return [_add_up(answer, sought) for answer in answers]

    return score


def _add_up(answer: Sequence[dict[str, object]], sought: Collection[str]) -> float:
    total = sum(
        float(str(one["score"])) for one in answer if str(one["label"]).casefold() in sought
    )
    # Many rounded probabilities may come to a hair more than one.
    return 1.0 if 1.0 < total < 1.0 + 1e-5 else total
