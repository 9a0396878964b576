"""Image classifiers for transformers, by folder or hub id: what they think of some of their labels.

Remote code is never run, and weights are read from safetensors only.
"""

from collections.abc import Collection, Sequence
from typing import Final

from PIL import Image

from safety.errors import CheckFailed
from safety.scoring import Score

_BATCH: Final = 8


def load_classifier(source: str, *, labels: Collection[str]) -> Score:
    """Load a classifier on the CPU; return what adds up its probabilities of `labels`.

    Raises:
        CheckFailed: it is no image classifier, or knows none of the labels.

    """
    from transformers import pipeline

    try:
        classify = pipeline(
            "image-classification",
            model=source,
            device="cpu",
            trust_remote_code=False,
            model_kwargs={"use_safetensors": True},
        )
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise CheckFailed(f"{source} is no image classifier that can be read") from error
    sought = {label.casefold() for label in labels}
    known = {str(label).casefold() for label in classify.model.config.id2label.values()}
    if not sought & known:
        raise CheckFailed(f"{source} knows {', '.join(sorted(known))}, none of which is sought")

    def score(pictures: Sequence[Image.Image]) -> list[float]:
        answers = classify(list(pictures), top_k=None, batch_size=_BATCH)
        return [_add_up(answer, sought) for answer in answers]

    return score


def _add_up(answer: Sequence[dict[str, object]], sought: Collection[str]) -> float:
    total = sum(
        float(str(one["score"])) for one in answer if str(one["label"]).casefold() in sought
    )
    # Many rounded probabilities may come to a hair more than one.
    return 1.0 if 1.0 < total < 1.0 + 1e-5 else total
