"""How the checks' scores stand to the truth on a labelled set, and which thresholds that asks for.

A set is text: a heading `= label category language manner`, then one prompt a line. Labels are
`unsafe`, `everyday`, and `risky` for what only sounds unsafe. Every prompt is looked at once; all
thresholds are tried on what was found.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from backend.domain.errors import BadInput
from safety.policy import CLASSIFIER, Policy
from safety.prompt_check import PromptCheck
from safety.screen_prompt import screen_prompt
from safety.verdict import Finding, Outcome, SafetyVerdict

UNSAFE, EVERYDAY, RISKY = "unsafe", "everyday", "risky"
BINS: Final = 10
THRESHOLDS: Final = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 1.0)


@dataclass(frozen=True, kw_only=True)
class Case:
    """A labelled prompt, and what all checks said of it before any policy."""

    label: str
    category: str
    findings: tuple[Finding, ...]

    @property
    def score(self) -> float:
        """How sure the classifier is."""
        return max((f.score or 0.0 for f in self.findings if f.check == CLASSIFIER), default=0.0)

    def outcome(self, policy: Policy) -> Outcome:
        """Return what a policy makes of it."""
        return SafetyVerdict.fold(policy.judge(self.findings)).outcome


@dataclass(frozen=True, kw_only=True)
class Targets:
    """The shares that a threshold may not exceed, from 0 to 1."""

    everyday_blocked: float = 0.005
    risky_blocked: float = 0.05
    risky_touched: float = 0.30


@dataclass(frozen=True, kw_only=True)
class Rates:
    """What becomes of a set, in shares; touched is held or blocked, and so is caught."""

    everyday_blocked: float
    everyday_touched: float
    risky_blocked: float
    risky_touched: float
    unsafe_caught: float
    unsafe_blocked: float

    def meet(self, targets: Targets) -> bool:
        """Say whether no target is missed."""
        return (
            self.everyday_blocked <= targets.everyday_blocked
            and self.risky_blocked <= targets.risky_blocked
            and self.risky_touched <= targets.risky_touched
        )


@dataclass(frozen=True, kw_only=True)
class Recommendation:
    """The lowest threshold with which the targets are met; None if none is, at which rates."""

    score: str
    threshold: float | None
    rates: Rates


def read_cases(text: str, checks: Sequence[PromptCheck]) -> list[Case]:
    """Read a labelled set and have every prompt looked at.

    Raises:
        BadInput: a prompt stands under no heading that can be read.

    """
    cases: list[Case] = []
    label, category = "", ""
    for number, line in enumerate(text.splitlines(), start=1):
        if line.startswith("= "):
            label, category, *_ = [*line[2:].split(), "", ""]
        elif line.strip() and not line.startswith("#"):
            if label not in (UNSAFE, EVERYDAY, RISKY) or not category:
                raise BadInput(
                    f"Line {number} of the set stands under no heading.",
                    way_out="A heading is `= unsafe violence en prose`.",
                )
            cases.append(Case(label=label, category=category, findings=_look(line, checks)))
    return cases


def _look(text: str, checks: Sequence[PromptCheck]) -> tuple[Finding, ...]:
    verdict = screen_prompt(text, checks=checks)
    return tuple(replace(one, outcome=one.said or one.outcome) for one in verdict.findings)


def rates(cases: Iterable[Case], policy: Policy) -> Rates:
    """Return what a policy makes of a set."""
    outcomes = [(case.label, case.outcome(policy)) for case in cases]

    def share(label: str, is_it: Callable[[Outcome], bool]) -> float:
        of_label = [outcome for one, outcome in outcomes if one == label]
        return sum(map(is_it, of_label)) / len(of_label) if of_label else 0.0

    def is_blocked(outcome: Outcome) -> bool:
        return outcome is Outcome.BLOCK

    def is_held(outcome: Outcome) -> bool:
        return outcome.is_held

    return Rates(
        everyday_blocked=share(EVERYDAY, is_blocked),
        everyday_touched=share(EVERYDAY, is_held),
        risky_blocked=share(RISKY, is_blocked),
        risky_touched=share(RISKY, is_held),
        unsafe_caught=share(UNSAFE, is_held),
        unsafe_blocked=share(UNSAFE, is_blocked),
    )


def with_score(policy: Policy, name: str, threshold: float) -> Policy:
    """Return a policy with another threshold, and the other of its pair moved along if it must."""
    changed: dict[str, Any] = {f"{name}_score": threshold}
    if name == "classifier_review":
        changed["classifier_block_score"] = max(threshold, policy.classifier_block_score)
    if name == "classifier_block":
        changed["classifier_review_score"] = min(threshold, policy.classifier_review_score)
    return replace(policy, **changed)


def recommend(cases: Sequence[Case], policy: Policy, name: str, targets: Targets) -> Recommendation:
    """Find the lowest of `THRESHOLDS` for one score with which a set meets the targets."""
    for threshold in THRESHOLDS:
        tried = rates(cases, with_score(policy, name, threshold))
        if tried.meet(targets):
            return Recommendation(score=name, threshold=threshold, rates=tried)
    return Recommendation(score=name, threshold=None, rates=rates(cases, policy))


def histogram(scores: Iterable[float]) -> list[int]:
    """Count scores from 0 to 1 in `BINS` equal parts; 1 is in the last."""
    counts = [0] * BINS
    for score in scores:
        counts[min(int(score * BINS), BINS - 1)] += 1
    return counts
