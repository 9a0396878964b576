"""Checks over the pixels of a picture."""

from dataclasses import dataclass
from typing import Literal, assert_never

from safety.hash_list import HashList
from safety.image_check import ImageCheck
from safety.policy import NSFW, NSFW_SECOND
from safety.scoring import ScoredImageCheck
from safety.weighing import AGE_CHECK

ImageCheckName = Literal["nsfw", "nsfw_second", "age", "known_pictures"]

# What networks call explicit pictures, and what age estimators call the young.
EXPLICIT_LABELS = ("nsfw", "porn", "hentai", "sexy", "explicit", "sexual", "nudity")
YOUNG_LABELS = ("0-2", "3-9", "10-19", "0-10", "11-20", "child", "minor", "young", "under 18")


@dataclass(frozen=True, kw_only=True)
class WantedChecks:
    """What an installation runs beside the network in the package.

    Each source is the folder or hub id of an image classifier for transformers, "" for none; its
    labels are those whose probabilities are added up. Copies of what is in `hash_lists` are
    looked for; in parts of a picture too, if `looks_at_crops`.
    """

    nsfw_second: str = ""
    nsfw_second_labels: tuple[str, ...] = EXPLICIT_LABELS
    age: str = ""
    age_labels: tuple[str, ...] = YOUNG_LABELS
    hash_lists: tuple[HashList, ...] = ()
    looks_at_crops: bool = False


ONLY_SHIPPED = WantedChecks()


def wanted_checks(
    *,
    nsfw_second: str = "",
    nsfw_second_labels: str = "",
    age: str = "",
    age_labels: str = "",
    hash_lists: tuple[HashList, ...] = (),
    looks_at_crops: bool = False,
) -> WantedChecks:
    """Return what an installation wants, as its settings say it: labels with commas between."""
    return WantedChecks(
        nsfw_second=nsfw_second,
        nsfw_second_labels=_labels(nsfw_second_labels) or EXPLICIT_LABELS,
        age=age,
        age_labels=_labels(age_labels) or YOUNG_LABELS,
        hash_lists=hash_lists,
        looks_at_crops=looks_at_crops,
    )


def _labels(text: str) -> tuple[str, ...]:
    return tuple(label.strip() for label in text.split(",") if label.strip())


def open_image_check(name: ImageCheckName, *, wanted: WantedChecks = ONLY_SHIPPED) -> ImageCheck:
    """Open one check by name; its weights load here, not while a picture waits.

    Raises:
        CheckFailed: its source is no image classifier, or knows none of the labels.

    """
    match name:
        case "nsfw":
            from safety.image_checks.open_nsfw import load_open_nsfw

            return ScoredImageCheck(name=NSFW, score=load_open_nsfw())
        case "nsfw_second":
            from safety.image_checks.classifier import load_classifier

            score = load_classifier(wanted.nsfw_second, labels=wanted.nsfw_second_labels)
            return ScoredImageCheck(name=NSFW_SECOND, score=score)
        case "age":
            from safety.image_checks.classifier import load_classifier

            score = load_classifier(wanted.age, labels=wanted.age_labels)
            return ScoredImageCheck(name=AGE_CHECK, score=score)
        case "known_pictures":
            from safety.image_checks.known_pictures import KnownPicturesCheck

            return KnownPicturesCheck(lists=wanted.hash_lists, looks_at_crops=wanted.looks_at_crops)
        case _:
            assert_never(name)


def open_image_checks(*, wanted: WantedChecks = ONLY_SHIPPED) -> tuple[ImageCheck, ...]:
    """Open every check an installation runs.

    Raises:
        CheckFailed: a source is no image classifier, or knows none of the labels.

    """
    names: list[ImageCheckName] = ["nsfw"]
    if wanted.nsfw_second:
        names.append("nsfw_second")
    if wanted.age:
        names.append("age")
    if wanted.hash_lists:
        names.append("known_pictures")
    return tuple(open_image_check(name, wanted=wanted) for name in names)
