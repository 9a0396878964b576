"""Estimators of what group a portrait seems to show."""

from typing import Literal, assert_never

from safety.estimator import Estimator

EstimatorName = Literal["image_classifier"]


def open_estimator(name: EstimatorName, *, axis: str, source: str) -> Estimator:
    """Open an estimator of an axis from a folder or hub id; its weights load here.

    Raises:
        CheckFailed: the source is no such model, or tells fewer than two groups apart.

    """
    match name:
        case "image_classifier":
            from safety.estimators.image_classifier import ImageClassifierEstimator

            return ImageClassifierEstimator(axis=axis, source=source)
        case _:
            assert_never(name)
