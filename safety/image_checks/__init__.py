"""Checks over the pixels of a picture."""

from typing import Literal, assert_never

from safety.image_check import ImageCheck
from safety.policy import DEFAULT_POLICY, Policy

ImageCheckName = Literal["nsfw"]


def open_image_check(name: ImageCheckName, *, policy: Policy = DEFAULT_POLICY) -> ImageCheck:
    """Open one check by name; its weights load here, not while a picture waits."""
    match name:
        case "nsfw":
            from safety.image_checks.nsfw import NsfwImageCheck, load_open_nsfw

            return NsfwImageCheck(
                review_score=policy.nsfw_review_score,
                block_score=policy.nsfw_block_score,
                score=load_open_nsfw(),
            )
        case _:
            assert_never(name)


def open_image_checks(*, policy: Policy = DEFAULT_POLICY) -> tuple[ImageCheck, ...]:
    """Open every check an installation runs."""
    return (open_image_check("nsfw", policy=policy),)
