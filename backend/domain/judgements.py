"""What the checks found, kept with a job, so that another policy can be tried without them.

Findings are kept as the checks made them, before any policy; no words and no pixels are in them.
"""

from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True, kw_only=True)
class Found:
    """What one check said. `rule` is an id, `spans` are places in the text that was looked at."""

    check: str
    outcome: str
    category: str = ""
    rule: str = ""
    score: float | None = None
    spans: tuple[tuple[int, int], ...] = ()


class LookKind(StrEnum):
    """Which of a prompt's words were looked at."""

    SEEN = "seen"  # what is to be seen
    LEFT_OUT = "left_out"  # one of the things to leave out
    LACKING = "lacking"  # what is to be seen, without the harmless of these things


@dataclass(frozen=True, kw_only=True)
class Look:
    """What all checks said of one text; `is_harmless` is of things to leave out."""

    kind: LookKind
    found: tuple[Found, ...]
    is_translation: bool = False
    is_harmless: bool = True


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """How a prompt was judged: by which policy, over findings of which version of the rules."""

    policy: str
    version: str
    rules: str
    looks: tuple[Look, ...]


@dataclass(frozen=True, kw_only=True)
class PictureJudgement:
    """How a job's pictures were judged, one by one in order; the last may be missing."""

    policy: str
    version: str
    pictures: tuple[tuple[Found, ...], ...]
