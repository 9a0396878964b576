"""Opens image classifiers for transformers, by folder or hub id, on the CPU.

Remote code is never run, and weights are read from safetensors only.
"""

from typing import Any, Final

from safety.errors import CheckFailed

BATCH: Final = 8


def open_image_classifier(source: str) -> tuple[Any, tuple[str, ...]]:
    """Return the pipeline of a classifier, and the labels that it knows.

    Raises:
        CheckFailed: it is no image classifier that can be read.

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
    return classify, tuple(str(label) for label in classify.model.config.id2label.values())
