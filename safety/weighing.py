"""Weighs what several checks say of one picture: two must agree, age and nudity never meet.

Pure: findings in, findings out.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from safety.policy import NSFW_CHECKS, SEXUAL, Policy
from safety.verdict import CHECK_FAILED, CHILD_SAFETY, Finding, Outcome

AGE_CUE: Final = "age_cue"
AGE_CHECK: Final = "age"
AGE_AND_NUDITY: Final = "age_and_nudity"
_CERTAIN: Final = 1.0


def weigh(findings: Sequence[Finding], told: Sequence[Finding], policy: Policy) -> list[Finding]:
    """Return the findings in one picture as they are beside one another.

    `told` is what was found in the words it was drawn by: an age cue there counts like one in the
    picture, and a check of words that failed holds the picture.
    """
    agreed = _agree(findings, policy)
    failed = [finding for finding in told if finding.category == CHECK_FAILED]
    return [*agreed, *failed, *_escalate(agreed, told, policy)]


def _agree(findings: Sequence[Finding], policy: Policy) -> list[Finding]:
    """Have a block of one network that another does not share held for a moderator instead."""
    judged = [one for one in findings if one.check in NSFW_CHECKS and one.score is not None]
    are_all_agreed = all(one.outcome is Outcome.BLOCK for one in judged)
    if len(judged) < len(NSFW_CHECKS) or are_all_agreed or _blocks_all(policy):
        return list(findings)
    return [
        replace(one, outcome=Outcome.REVIEW, rule=f"{one.check}.alone")
        if one in judged and one.outcome is Outcome.BLOCK
        else one
        for one in findings
    ]


def _blocks_all(policy: Policy) -> bool:
    return policy.at_least.get(SEXUAL) is Outcome.BLOCK


def _escalate(
    findings: Sequence[Finding], told: Sequence[Finding], policy: Policy
) -> list[Finding]:
    """Find child safety where a cue of age, times a score of nudity, is too much."""
    nudity = max((one.score or 0.0 for one in findings if one.check in NSFW_CHECKS), default=0.0)
    in_words = _CERTAIN if any(one.category == AGE_CUE for one in told) else 0.0
    in_picture = max((one.score or 0.0 for one in findings if one.check == AGE_CHECK), default=0.0)
    score = max(in_words, in_picture) * nudity
    if score < policy.age_nudity_score:
        return []
    where = "words" if in_words >= in_picture else "picture"
    return [
        Finding(
            check=AGE_AND_NUDITY,
            outcome=Outcome.BLOCK,
            category=CHILD_SAFETY,
            rule=f"{CHILD_SAFETY}.age_in_{where}",
            score=round(score, 4),
        )
    ]
