"""What checks find, what it adds up to, and the picture that may leave.

`Finding → SafetyVerdict → ApprovedImage`: the last refuses to exist without a clear verdict.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from PIL import Image

from safety.errors import NotApproved

CHILD_SAFETY: Final = "child_safety"
CHECK_FAILED: Final = "check_failed"

# No moderator's clearance counts for these. A failed check is made good by checking again.
NEVER_CLEARED: Final = frozenset({CHILD_SAFETY, CHECK_FAILED})


class Outcome(StrEnum):
    """What happens to the thing judged; `review` holds it until a moderator has decided."""

    ALLOW = "allow"
    REVIEW = "review"
    BLOCK = "block"

    @property
    def severity(self) -> int:
        """How bad it is: 0 allow, 1 review, 2 block."""
        return _SEVERITY[self]


_SEVERITY: Final = {Outcome.ALLOW: 0, Outcome.REVIEW: 1, Outcome.BLOCK: 2}


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing one check has to say. `rule` is a stable id, never the text that matched.

    `spans` are the places in the text judged, from a character up to, not including, another; none
    if it is the text as a whole, or a picture.
    """

    check: str
    outcome: Outcome
    category: str = ""
    rule: str = ""
    score: float | None = None
    spans: tuple[tuple[int, int], ...] = ()


def failed_check(check: str, rule: str) -> Finding:
    """Return the blocking finding for a check that came to no judgement."""
    return Finding(check=check, outcome=Outcome.BLOCK, category=CHECK_FAILED, rule=rule)


@dataclass(frozen=True, kw_only=True)
class SafetyVerdict:
    """What all findings add up to: the worst of them wins."""

    outcome: Outcome
    findings: tuple[Finding, ...] = ()

    def __post_init__(self) -> None:
        if self.outcome is not _worst(self.findings):
            raise ValueError(f"{self.outcome} is not the worst of the findings")

    @classmethod
    def fold(cls, findings: Iterable[Finding]) -> "SafetyVerdict":
        """Fold findings into a verdict; worst first, child safety before all else."""
        ordered = tuple(sorted(findings, key=_weight, reverse=True))
        return cls(outcome=_worst(ordered), findings=ordered)

    @property
    def decisive(self) -> Finding | None:
        """The finding that decided, or None when nothing stands against it."""
        held = [finding for finding in self.findings if finding.outcome is not Outcome.ALLOW]
        return max(held, key=_weight) if held else None

    @property
    def score(self) -> float:
        """How much stands against it, from 0 to 1; a rule without a score counts 0.5 for review."""
        return max((_score(finding) for finding in self.findings), default=0.0)

    def is_clear(self, clearances: frozenset[str] = frozenset()) -> bool:
        """Say whether nothing stands against it but what a moderator has cleared by category.

        A verdict without findings is not clear: nothing has looked.
        """
        cleared = clearances - NEVER_CLEARED
        return bool(self.findings) and all(
            finding.outcome is Outcome.ALLOW or finding.category in cleared
            for finding in self.findings
        )


def _worst(findings: tuple[Finding, ...]) -> Outcome:
    return max((f.outcome for f in findings), key=lambda o: o.severity, default=Outcome.ALLOW)


def _score(finding: Finding) -> float:
    return finding.score if finding.score is not None else finding.outcome.severity / 2


def _weight(finding: Finding) -> tuple[int, bool]:
    return finding.outcome.severity, finding.category == CHILD_SAFETY


@dataclass(frozen=True, kw_only=True)
class ApprovedImage:
    """A picture that may leave.

    `clearances` are the categories a moderator has released this job for.

    Raises:
        NotApproved: the verdict is not clear.

    """

    pixels: Image.Image
    verdict: SafetyVerdict
    clearances: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        if not self.verdict.is_clear(self.clearances):
            decisive = self.verdict.decisive
            reason = f"{decisive.category}: {decisive.rule}" if decisive else "nothing looked at it"
            raise NotApproved(f"the picture may not leave ({reason})")
