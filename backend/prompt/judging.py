"""Judges what a prompt asks to see, and judges it again by another policy from what was found.

Everything that was looked at is noted, so that a policy can be tried without looking again.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from backend.domain.judgements import Found, Judgement, Look, LookKind, PictureJudgement
from backend.domain.prompts import PromptSpec
from safety.policy import DEFAULT_POLICY, Policy
from safety.prompt_check import PromptCheck
from safety.screen_prompt import screen_prompt
from safety.verdict import NEVER_CLEARED, Finding, Outcome, SafetyVerdict
from safety.weighing import weigh


@dataclass(frozen=True, kw_only=True)
class PromptVerdict:
    """What the screen said: allow, review or block; category and rule unless it is allow.

    `score` says from 0 to 1 how much stands against the words, `spans` where it stands in the text
    screened (characters from, and up to but not including), `policy` by which policy it was judged,
    of which `policy_version`, and `found` what the checks said, of which version of their `rules`.
    """

    outcome: str
    category: str = ""
    rule: str = ""
    score: float = 0.0
    spans: tuple[tuple[int, int], ...] = ()
    policy: str = ""
    policy_version: str = ""
    rules: str = ""
    found: tuple[Found, ...] = ()

    @property
    def is_allowed(self) -> bool:
        """Whether nothing holds the prompt back."""
        return not Outcome(self.outcome).is_held


class PromptScreen(Protocol):
    """Screens the words of a prompt."""

    def __call__(self, text: str) -> PromptVerdict:
        """Judge a text; a check that fails to run blocks."""


class SafetyScreen:
    """Screens with the checks it is handed, whose rules are of a version."""

    def __init__(
        self, *, checks: Sequence[PromptCheck], policy: Policy = DEFAULT_POLICY, rules: str = ""
    ) -> None:
        self._checks = tuple(checks)
        self._policy = policy
        self._rules = rules

    def under(self, policy: Policy) -> "SafetyScreen":
        """Return a screen of the same checks that judges by another policy."""
        return SafetyScreen(checks=self._checks, policy=policy, rules=self._rules)

    def __call__(self, text: str) -> PromptVerdict:
        verdict = screen_prompt(text, checks=self._checks, policy=self._policy)
        return _told(verdict, self._policy, self._rules)


def judge_words(spec: PromptSpec, screen: PromptScreen) -> tuple[PromptVerdict, Judgement]:
    """Judge the words as typed and as translated: what is held in either is held.

    No translator can be trusted to carry over what the screen looks for, nor the screen to know it
    in every language.
    """
    verdict, looks = _look_at(spec.typed, screen, is_translation=False)
    if spec.typed is not spec:
        drawn, more = _look_at(spec, screen, is_translation=True)
        verdict, looks = _graver(verdict, drawn), [*looks, *more]
    return verdict, Judgement(
        policy=verdict.policy,
        version=verdict.policy_version,
        rules=verdict.rules,
        looks=tuple(looks),
    )


def judge_again(judgement: Judgement, policy: Policy) -> PromptVerdict | None:
    """Judge by another policy from what was found; None if it would look at other words.

    That is so where the policy finds harmless what was not, or the other way round, among the
    things to leave out.
    """
    halves = [
        _again([look for look in judgement.looks if look.is_translation is half], policy)
        for half in (False, True)
        if any(look.is_translation is half for look in judgement.looks)
    ]
    known = [half for half in halves if half is not None]
    if not known or len(known) < len(halves):
        return None
    verdict = known[0] if len(known) == 1 else _graver(*known)
    return replace(verdict, rules=judgement.rules)


def judge_pictures_again(
    judgement: PictureJudgement, policy: Policy, *, told: Sequence[Finding]
) -> PromptVerdict:
    """Judge pictures by another policy from what was found; the worst of them tells.

    `told` is what was found in the words that they were drawn by.
    """
    worst = SafetyVerdict.fold(())
    for found in judgement.pictures:
        applied = [policy.apply(finding_of(one)) for one in found]
        verdict = SafetyVerdict.fold(weigh(applied, told, policy))
        worst = max(worst, verdict, key=lambda one: one.outcome.severity)
    return replace(_told(worst, policy, ""), outcome=worst.outcome)


def _look_at(
    spec: PromptSpec, screen: PromptScreen, *, is_translation: bool
) -> tuple[PromptVerdict, list[Look]]:
    """Judge what is to be seen, and what is left when the negative terms are taken away.

    Leaving out what would be refused is a good wish, so a negative term is not held against
    anybody. But `a woman --no clothes` asks for something, though each half of it is harmless.
    """

    def noted(kind: LookKind, verdict: PromptVerdict) -> Look:
        return Look(
            kind=kind,
            found=verdict.found,
            is_translation=is_translation,
            is_harmless=verdict.is_allowed,
        )

    seen = screen(spec.positive_text)
    looks = [noted(LookKind.SEEN, seen)]
    left_out = [(part.text, screen(part.text)) for part in spec.negative]
    looks += [noted(LookKind.LEFT_OUT, verdict) for _, verdict in left_out]
    missing = "".join(f", without {text}" for text, verdict in left_out if verdict.is_allowed)
    if not missing:
        return seen, looks
    lacking = screen(spec.positive_text + missing)
    return lacking if seen.is_allowed else seen, [*looks, noted(LookKind.LACKING, lacking)]


def _again(looks: Sequence[Look], policy: Policy) -> PromptVerdict | None:
    """Judge one half of the looks as `_look_at` would."""
    judged = [(look, _verdict_of(look.found, policy)) for look in looks]
    seen = next(verdict for look, verdict in judged if look.kind is LookKind.SEEN)
    if not seen.is_allowed:
        return seen
    if any(
        look.is_harmless is not verdict.is_allowed
        for look, verdict in judged
        if look.kind is LookKind.LEFT_OUT
    ):
        return None
    return next((verdict for look, verdict in judged if look.kind is LookKind.LACKING), seen)


def _verdict_of(found: Iterable[Found], policy: Policy) -> PromptVerdict:
    return _told(SafetyVerdict.fold(policy.judge(map(finding_of, found))), policy, "")


def _told(verdict: SafetyVerdict, policy: Policy, rules: str) -> PromptVerdict:
    decisive = verdict.decisive
    told = PromptVerdict(
        outcome=Outcome.ALLOW,
        score=verdict.score,
        policy=policy.id,
        policy_version=policy.version,
        rules=rules,
        found=tuple(found_of(finding) for finding in verdict.findings),
    )
    if decisive is None:
        return told
    return replace(
        told,
        outcome=decisive.outcome,
        category=decisive.category,
        rule=decisive.rule,
        spans=decisive.spans,
    )


def found_of(finding: Finding) -> Found:
    """Return a finding as it is kept: as the check made it, before any policy."""
    return Found(
        check=finding.check,
        outcome=(finding.said or finding.outcome).value,
        category=finding.category,
        rule=finding.rule,
        score=finding.score,
        spans=finding.spans,
    )


def finding_of(found: Found) -> Finding:
    """Return what was kept as a finding for a policy to judge."""
    return Finding(
        check=found.check,
        outcome=Outcome(found.outcome),
        category=found.category,
        rule=found.rule,
        score=found.score,
        spans=found.spans,
    )


def _graver(typed: PromptVerdict, drawn: PromptVerdict) -> PromptVerdict:
    """Return the graver; what was found in a translation has no place in the words as typed."""
    return max(typed, replace(drawn, spans=()), key=_gravity)


def _gravity(verdict: PromptVerdict) -> tuple[int, bool]:
    """Weigh a verdict; of two blocks, what nobody may release is the graver."""
    return Outcome(verdict.outcome).severity, verdict.category in NEVER_CLEARED
