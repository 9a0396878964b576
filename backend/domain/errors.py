"""Everything Impasto refuses, as one tree.

ImpastoError
├── BadInput
│   ├── PromptEmpty · PromptTooLong · PromptTooDeep · TooManyPermutations
│   ├── BracketUnbalanced · WeightOutOfRange · QuoteUnclosed
│   ├── UnknownParameter · InvalidParameter · ParameterNotSupported · InvalidOption
│   └── InvalidAspectRatio · SeedOutOfRange · StepsOutOfRange · ImageCountOutOfRange ·
│       SamplerNotSupported · TilingNotSupported · ImagePromptsNotSupported ·
│       PictureInvalid · PictureTooLarge · PictureOperationInvalid · InvalidLora · TooManyLoras ·
│       PictureLinkInvalid · PictureLinkUnreachable · RecipeIncomplete
├── Refused
│   └── PromptBlocked · PictureBlocked · ReviewNotReleasable
├── NotAllowed
│   └── Unauthenticated · NotYours · ModeratorsOnly · GuildManagersOnly · LinkRefused
├── NotThere
│   └── JobNotFound · ImageNotFound · UploadNotFound · ReviewNotFound · FamilyUnavailable ·
│       NoLiveWorker · RecipeNotFound
├── OverLimit
│   └── TooManyWaiting · TooManyUploads · TooManyChecks
├── Conflict
│   └── JobFinished · JobNotDelivered · IdempotencyMismatch
├── AccountSuspended
│   └── AccountMuted · AccountBanned · AccountFrozen
├── ModerationRefused
│   └── AppealImpossible · AppealRepeated · ReportRepeated · TooManyReports ·
│       DecisionImpossible · RemovalRequestEmpty · RemovalRequestNotFound · SafetyReportNotFound ·
│       TooManyRequests · OwnCase
├── NotTranslated
└── Unavailable

A class's `code` never changes once shipped. `str(error)` is one sentence for humans; `way_out` says
what to do.
"""

from dataclasses import dataclass

from backend.domain.input_errors import (
    BadInput,
    BracketUnbalanced,
    ImageCountOutOfRange,
    ImagePromptsNotSupported,
    ImpastoError,
    InvalidAspectRatio,
    InvalidLora,
    InvalidOption,
    InvalidParameter,
    ParameterNotSupported,
    PictureInvalid,
    PictureOperationInvalid,
    PictureTooLarge,
    PromptEmpty,
    PromptTooDeep,
    PromptTooLong,
    QuoteUnclosed,
    RecipeIncomplete,
    SamplerNotSupported,
    SeedOutOfRange,
    StepsOutOfRange,
    TilingNotSupported,
    TooManyLoras,
    TooManyPermutations,
    UnknownParameter,
    WeightOutOfRange,
)
from backend.domain.link_errors import PictureLinkInvalid, PictureLinkUnreachable
from backend.domain.moderation_errors import *  # noqa: F403 - its `__all__` is all of them
from backend.domain.ways_out import CHILD_SAFETY, picture_way_out, way_out

__all__ = [
    "BadInput",
    "BracketUnbalanced",
    "ImageCountOutOfRange",
    "ImagePromptsNotSupported",
    "ImpastoError",
    "InvalidAspectRatio",
    "InvalidLora",
    "InvalidOption",
    "InvalidParameter",
    "ParameterNotSupported",
    "PictureInvalid",
    "PictureLinkInvalid",
    "PictureLinkUnreachable",
    "PictureOperationInvalid",
    "PictureTooLarge",
    "PromptEmpty",
    "PromptTooDeep",
    "PromptTooLong",
    "QuoteUnclosed",
    "RecipeIncomplete",
    "SamplerNotSupported",
    "SeedOutOfRange",
    "StepsOutOfRange",
    "TilingNotSupported",
    "TooManyLoras",
    "TooManyPermutations",
    "UnknownParameter",
    "WeightOutOfRange",
]


class Refused(ImpastoError):
    """The rules of the house say no."""

    code = "refused"


class PromptBlocked(Refused):
    """The prompt names something that is not drawn here. Never echoes what matched."""

    code = "prompt_blocked"

    def __init__(self, *, category: str) -> None:
        super().__init__(
            f"This prompt was held back ({category}).",
            way_out=way_out(category, is_final=True),
        )


@dataclass(frozen=True, kw_only=True)
class CopyFound:
    """Which listed picture one is a copy of, and how many of 256 bits lie between them."""

    list_name: str
    entry: str
    distance: int
    fingerprint: str


class PictureBlocked(Refused):
    """An upload shows something that is not drawn from here."""

    code = "picture_blocked"

    def __init__(self, *, category: str, rule: str = "", copy: CopyFound | None = None) -> None:
        # Whoever sends what is on a list is not to learn that it was known.
        why = "" if category == CHILD_SAFETY else f" ({category})"
        super().__init__(f"This picture was held back{why}.", way_out=picture_way_out(category))
        self.category = category
        # For the record, never shown: an answer that tells the rule tells how to get around it.
        self.rule = rule
        self.copy = copy


class ReviewNotReleasable(Refused):
    """A held job of a category that no moderator may release."""

    code = "review_not_releasable"

    def __init__(self) -> None:
        super().__init__("Jobs of this category cannot be released.", way_out="Press keep blocked.")


class NotAllowed(ImpastoError):
    """The asker may not do this."""

    code = "not_allowed"


class Unauthenticated(NotAllowed):
    """No valid API key came with the request."""

    code = "unauthenticated"

    def __init__(self) -> None:
        super().__init__(
            "This needs a valid API key.",
            way_out="Send 'Authorization: Bearer <key>'; make one with `impasto key create`.",
        )


class NotYours(NotAllowed):
    """Only the owner or a moderator may do this."""

    code = "not_yours"

    def __init__(self) -> None:
        super().__init__(
            "Only the one who asked for this picture, or a moderator, can do that.",
            way_out="Make your own with /imagine.",
        )


class ModeratorsOnly(NotAllowed):
    """Only moderators may do this."""

    code = "moderators_only"

    def __init__(self) -> None:
        super().__init__("Only moderators can do that.", way_out="Ask a moderator of this server.")


class GuildManagersOnly(NotAllowed):
    """Only those who manage a guild, or whom the settings name, decide about its policy."""

    code = "guild_managers_only"

    def __init__(self) -> None:
        ask = "Ask somebody who may manage the server, or who runs this workshop."
        super().__init__("Only who manages this server decides about its policy.", way_out=ask)


class LinkRefused(NotAllowed):
    """A signed link that has expired or was altered; which of the two is not told."""

    code = "link_refused"

    def __init__(self) -> None:
        super().__init__(
            "This link has expired or was altered.",
            way_out="Fetch the generation again for fresh links.",
        )


class NotThere(ImpastoError):
    """What was named does not exist."""

    code = "not_there"


class JobNotFound(NotThere):
    """No job has this id, or it is somebody else's and private."""

    code = "job_not_found"

    def __init__(self) -> None:
        super().__init__("There is no such job.", way_out="Check the id, or make a new picture.")


class ImageNotFound(NotThere):
    """No picture has this id or index."""

    code = "image_not_found"

    def __init__(self) -> None:
        super().__init__("There is no such picture.", way_out="Check the id and the number.")


class UploadNotFound(NotThere):
    """No upload has this id, it has expired, or it is somebody else's."""

    code = "upload_not_found"

    def __init__(self) -> None:
        super().__init__("There is no such upload (any more).", way_out="Upload it again.")


class ReviewNotFound(NotThere):
    """No open review has this id."""

    code = "review_not_found"

    def __init__(self) -> None:
        super().__init__(
            "This review is no longer open.", way_out="Use /mod queue to see what is open."
        )


class FamilyUnavailable(NotThere):
    """The family is not served here."""

    code = "family_unavailable"

    def __init__(self, *, family: str, available: tuple[str, ...]) -> None:
        super().__init__(
            f"No model is configured for {family}.",
            way_out=f"Use {' or '.join(available) or 'another installation'}.",
        )


class NoLiveWorker(NotThere):
    """The family is served here, but no worker for it has been there for too long.

    `live` are the families that could draw now.
    """

    code = "no_live_worker"
    live: tuple[str, ...] = ()

    def __init__(self, *, family: str, patience_s: float, live: tuple[str, ...]) -> None:
        for_long = f"{patience_s:g} s" if patience_s < 120 else f"{patience_s / 60:.0f} minutes"
        super().__init__(
            f"No worker that draws with {family} has been there for {for_long}.",
            way_out=f"Use {' or '.join(live)} now, or try again later."
            if live
            else "No other one is there either; try again in a few minutes.",
        )
        self.live = live


class RecipeNotFound(NotThere):
    """Nobody noted how these pictures were made: an older worker, or a rehearsal."""

    code = "recipe_not_found"

    def __init__(self) -> None:
        super().__init__(
            "Nobody noted how these pictures were made.", way_out="Make them anew with reroll."
        )


class OverLimit(ImpastoError):
    """More than one account may have at once."""

    code = "over_limit"


class TooManyWaiting(OverLimit):
    """The account has as many jobs waiting in this tier as it may."""

    code = "too_many_waiting"

    def __init__(self, *, tier: str, limit: int) -> None:
        super().__init__(
            f"You have {limit} {'job' if limit == 1 else 'jobs'} waiting in {tier}, "
            "the most at once.",
            way_out="Wait until one begins, cancel one, or ask in another tier.",
        )


class TooManyUploads(OverLimit):
    """The account has as many uploads lying here as it may."""

    code = "too_many_uploads"

    def __init__(self, *, limit: int) -> None:
        super().__init__(
            f"You have {limit} uploads lying here, the most at once.",
            way_out="Use those, or wait until the oldest expires.",
        )


class TooManyChecks(OverLimit):
    """Whoever asks where pictures are from has asked too often."""

    code = "too_many_checks"

    def __init__(self, *, retry_after_s: int) -> None:
        super().__init__(
            "Too many pictures were checked from here.",
            way_out=f"Try again in {retry_after_s} seconds.",
        )


class Conflict(ImpastoError):
    """Right request, wrong moment."""

    code = "conflict"


class JobFinished(Conflict):
    """The job has already ended."""

    code = "job_finished"

    def __init__(self) -> None:
        super().__init__("This job has already ended.", way_out="Make a new one with reroll.")


class JobNotDelivered(Conflict):
    """The job has no pictures yet."""

    code = "job_not_delivered"

    def __init__(self) -> None:
        super().__init__("This job has no pictures yet.", way_out="Wait until it is finished.")


class IdempotencyMismatch(Conflict):
    """The same idempotency key came with a different request."""

    code = "idempotency_mismatch"

    def __init__(self) -> None:
        super().__init__(
            "This Idempotency-Key was used for a different request.", way_out="Use a new key."
        )


class NotTranslated(ImpastoError):
    """Words that could not be translated, where the workshop draws no others."""

    code = "not_translated"

    def __init__(self, *, language: str) -> None:
        super().__init__(
            f"This prompt could not be translated into English (its language: {language}).",
            way_out="Try again in a minute, or write it in English.",
        )


class Unavailable(ImpastoError):
    """A server Impasto depends on does not answer."""

    code = "unavailable"

    def __init__(self) -> None:
        super().__init__(
            "A part of the workshop does not answer.", way_out="Try again in a minute."
        )
