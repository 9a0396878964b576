"""What a policy makes of circumstances: who asks, by their roles, and whether only adults look on.

A grade holds where all of its conditions do, and says of a few scores and of categories what is
otherwise there; of several that hold the later wins. None says anything of child safety, of failed
checks or of how an age counts: these are the same everywhere.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from safety.verdict import NEVER_CLEARED, Outcome

GRADED_SCORES: Final = ("nsfw_spoiler", "nsfw_review", "nsfw_block", "classifier_review")
_KEYS: Final = frozenset(["restricted", "roles", "scores", "at_most", "at_least"])
_CATEGORY: Final = re.compile(r"[a-z][a-z_]{0,63}")
_ROLE: Final = re.compile(r"[0-9]{1,20}")


@dataclass(frozen=True, kw_only=True)
class Circumstances:
    """Where something is asked for and shown: in a channel for adults or not, and with roles."""

    is_restricted: bool = False
    roles: frozenset[str] = frozenset()


NO_PLACE: Final = Circumstances()


@dataclass(frozen=True, kw_only=True)
class Grade:
    """What holds in some circumstances; scores by short name."""

    is_restricted: bool = False
    roles: frozenset[str] = frozenset()
    scores: Mapping[str, float] = field(default_factory=dict)
    at_most: Mapping[str, Outcome] = field(default_factory=dict)
    at_least: Mapping[str, Outcome] = field(default_factory=dict)

    @property
    def circumstances(self) -> Circumstances:
        """The least that has to be so for it to hold."""
        return Circumstances(is_restricted=self.is_restricted, roles=self.roles)

    def holds(self, circumstances: Circumstances) -> bool:
        """Say whether it holds."""
        is_there = circumstances.is_restricted or not self.is_restricted
        return is_there and (not self.roles or bool(self.roles & circumstances.roles))


class Misnamed(ValueError):
    """A document says something that there is not; `names` are what it says."""

    def __init__(self, sentence: str, names: Iterable[str]) -> None:
        self.names = sorted(names)
        super().__init__(f"{sentence} {', '.join(self.names)}")


def read_grades(entries: object) -> tuple[Grade, ...]:
    """Read the grades of a policy document.

    Raises:
        ValueError: they say what no grade may, or hold everywhere.

    """
    if not isinstance(entries, list):
        raise ValueError("grades are tables: [[grades]]")  # noqa: TRY004 - one kind for all
    return tuple(_grade(entry) for entry in entries)


def outcomes_of(entries: Mapping[str, str]) -> dict[str, Outcome]:
    """Read which outcome a document gives each category.

    Raises:
        ValueError: there is no such category, or no such outcome.

    """
    if wrong := [name for name in entries if not _CATEGORY.fullmatch(name)]:
        raise Misnamed("no category is called", wrong)
    if unknown := {str(outcome) for outcome in entries.values()} - set(Outcome):
        raise Misnamed("no outcome is called", unknown)
    return {category: Outcome(outcome) for category, outcome in entries.items()}


def last_words(grades: Iterable[Grade], name: str) -> dict[str, Any]:
    """Return what grades say together of "scores", "at_most" or "at_least"; the last one wins."""
    said: dict[str, Any] = {}
    for grade in grades:
        said |= getattr(grade, name)
    return said


def _grade(entry: Mapping[str, Any]) -> Grade:
    if unknown := entry.keys() - _KEYS:
        raise Misnamed("no grade says", unknown)
    scores = {name: float(score) for name, score in entry.get("scores", {}).items()}
    if unknown := scores.keys() - set(GRADED_SCORES):
        raise Misnamed("no grade has another", unknown)
    if not all(0 < score <= 1 for score in scores.values()):
        raise ValueError("a score must be above 0 and at most 1")
    roles, is_restricted = entry.get("roles", []), entry.get("restricted", False)
    is_list = isinstance(roles, list)
    if not is_list or not all(isinstance(one, str) and _ROLE.fullmatch(one) for one in roles):
        raise ValueError("roles are ids of Discord, each in quotation marks")
    if not (roles or is_restricted is True):
        raise ValueError("a grade holds in channels for adults (restricted = true) or for roles")
    at_most = outcomes_of(entry.get("at_most", {}))
    if never := at_most.keys() & NEVER_CLEARED:
        raise Misnamed("nobody softens", never)
    return Grade(
        is_restricted=bool(is_restricted),
        roles=frozenset(roles),
        scores=scores,
        at_most=at_most,
        at_least=outcomes_of(entry.get("at_least", {})),
    )
