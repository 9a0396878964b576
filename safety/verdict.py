"""What checks find, what it adds up to, and the picture that may leave.

`Finding → SafetyVerdict → ApprovedImage`: the last refuses to exist without a clear verdict.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from PIL import Image

from safety.errors import NotApproved

CHILD_SAFETY: Final = "child_safety"
CHECK_FAILED: Final = "check_failed"

# No moderator's clearance counts for these. A failed check is made good by checking again.
NEVER_CLEARED: Final = frozenset({CHILD_SAFETY, CHECK_FAILED})


class Outcome(StrEnum):
    """What happens to the thing judged.

    `spoiler` lets a picture leave, marked as one to be looked at on purpose, and a prompt pass;
    `review` holds it until a moderator has decided.
    """

    ALLOW = "allow"
    SPOILER = "spoiler"
    REVIEW = "review"
    BLOCK = "block"

    @property
    def severity(self) -> int:
        """How bad it is: 0 allow, 1 spoiler, 2 review, 3 block."""
        return _SEVERITY[self]

    @property
    def is_held(self) -> bool:
        """Whether the thing judged stays where it is."""
        return self in (Outcome.REVIEW, Outcome.BLOCK)


_SEVERITY: Final = {outcome: place for place, outcome in enumerate(Outcome)}
# What counts against a thing judged by a rule that knows no probabilities.
_UNSCORED: Final = {
    Outcome.ALLOW: 0.0,
    Outcome.SPOILER: 0.25,
    Outcome.REVIEW: 0.5,
    Outcome.BLOCK: 1.0,
}


@dataclass(frozen=True, kw_only=True)
class KnownMatch:
    """Which listed picture one is a copy of: the list, its entry, and how many bits lie between.

    `fingerprint` is the picture's own, in hexadecimal digits.
    """

    list_name: str
    entry: str
    distance: int
    fingerprint: str


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing one check has to say. `rule` is a stable id, never the text that matched.

    `spans` are the places in the text judged, from a character up to, not including, another; none
    if it is the text as a whole, or a picture. `match` is the listed picture, where it is a copy.
    `said` is the check's own outcome where a policy has given it another.
    """

    check: str
    outcome: Outcome
    category: str = ""
    rule: str = ""
    score: float | None = None
    spans: tuple[tuple[int, int], ...] = ()
    match: KnownMatch | None = None
    said: Outcome | None = field(default=None, compare=False)


def failed_check(check: str, rule: str) -> Finding:
    """Return the blocking finding for a check that came to no judgement."""
    return Finding(check=check, outcome=Outcome.BLOCK, category=CHECK_FAILED, rule=rule)


@dataclass(frozen=True, kw_only=True)
class SafetyVerdict:
    """What all findings add up to: the worst of them wins.

    `subject` is the `digest_of` the pixels that were judged; a verdict on words has none.
    """

    outcome: Outcome
    findings: tuple[Finding, ...] = ()
    subject: str = ""

    def __post_init__(self) -> None:
        if self.outcome is not _worst(self.findings):
            raise ValueError(f"{self.outcome} is not the worst of the findings")

    @classmethod
    def fold(cls, findings: Iterable[Finding], *, subject: str = "") -> "SafetyVerdict":
        """Fold findings into a verdict; worst first, child safety before all else."""
        ordered = tuple(sorted(findings, key=_weight, reverse=True))
        return cls(outcome=_worst(ordered), findings=ordered, subject=subject)

    @property
    def decisive(self) -> Finding | None:
        """The finding that decided, or None when nothing stands against it."""
        held = [finding for finding in self.findings if finding.outcome.is_held]
        return max(held, key=_weight) if held else None

    @property
    def score(self) -> float:
        """How much stands against it, from 0 to 1; 0.5 for a review without a score."""
        return max((_score(finding) for finding in self.findings), default=0.0)

    def is_clear(self, clearances: frozenset[str] = frozenset()) -> bool:
        """Say whether nothing stands against it but what a moderator has cleared by category.

        A verdict without findings is not clear: nothing has looked.
        """
        cleared = clearances - NEVER_CLEARED
        return bool(self.findings) and all(
            not finding.outcome.is_held or finding.category in cleared for finding in self.findings
        )

    @property
    def is_spoiler(self) -> bool:
        """Say whether what leaves with this verdict is to be looked at on purpose only."""
        return any(finding.outcome is Outcome.SPOILER for finding in self.findings)


def _worst(findings: tuple[Finding, ...]) -> Outcome:
    return max((f.outcome for f in findings), key=lambda o: o.severity, default=Outcome.ALLOW)


def _score(finding: Finding) -> float:
    return finding.score if finding.score is not None else _UNSCORED[finding.outcome]


def _weight(finding: Finding) -> tuple[int, bool]:
    return finding.outcome.severity, finding.category == CHILD_SAFETY


def digest_of(pixels: Image.Image) -> str:
    """Return the SHA-256 of a picture's size, mode and pixels, in hexadecimal digits."""
    whole = hashlib.sha256(f"{pixels.width}x{pixels.height} {pixels.mode}\n".encode())
    whole.update(pixels.tobytes())
    return whole.hexdigest()


class ApprovedImage:
    """A picture that may leave: the very pixels that its verdict is of.

    `clearances` are the categories a moderator has released this job for.
    """

    def __init__(
        self,
        *,
        pixels: Image.Image,
        verdict: SafetyVerdict,
        clearances: frozenset[str] = frozenset(),
    ) -> None:
        """Approve a picture.

        Raises:
            NotApproved: the verdict is not clear, or of other pixels.

        """
        if not verdict.is_clear(clearances):
            decisive = verdict.decisive
            reason = f"{decisive.category}: {decisive.rule}" if decisive else "nothing looked at it"
            raise NotApproved(f"the picture may not leave ({reason})")
        self.verdict = verdict
        self.clearances = clearances
        self._pixels = pixels
        self._must_be_the_judged()

    @property
    def pixels(self) -> Image.Image:
        """The pixels, looked at once more.

        Raises:
            NotApproved: they have been changed since they were judged.

        """
        self._must_be_the_judged()
        return self._pixels

    def _must_be_the_judged(self) -> None:
        if digest_of(self._pixels) != self.verdict.subject:
            raise NotApproved("the picture may not leave (its verdict is of other pixels)")
