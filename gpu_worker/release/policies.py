"""Between a job's policy as it is sent and as it judges, and what was found as it is reported."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from backend.contracts import FindingUse, PicturesJudged, PolicyUse, RenderJob
from safety.policy import DEFAULT_POLICY, SCORES, Policy
from safety.verdict import Finding, Outcome
from safety.weighing import AGE_AND_NUDITY


def policy_of(job: RenderJob) -> Policy | None:
    """Return the policy that a job's pictures are judged by; None where it brings none."""
    return None if job.policy is None else _read(job.policy)


def judged_by(job: RenderJob, found: Iterable[Iterable[Finding]]) -> PicturesJudged:
    """Return what was found in each of a job's pictures, as the checks made it."""
    policy = DEFAULT_POLICY if job.policy is None else job.policy
    return PicturesJudged(
        policy=policy.id,
        version=policy.version,
        pictures=tuple(tuple(_told(found_in_one)) for found_in_one in found),
    )


def _told(found: Iterable[Finding]) -> Iterable[FindingUse]:
    for one in found:
        # What follows from other findings is no finding of a check's own.
        if one.check != AGE_AND_NUDITY:
            yield FindingUse(
                check=one.check,
                outcome=one.said or one.outcome,
                category=one.category,
                rule=one.rule,
                score=one.score,
            )


def _read(use: PolicyUse) -> Policy:
    """Take what is known of it; an outcome of a newer backend is read as the stricter."""
    scores: dict[str, Any] = {
        f"{name}_score": score for name, score in use.scores.items() if name in SCORES
    }
    return replace(
        DEFAULT_POLICY,
        id=use.id,
        at_most=_outcomes(use.at_most, unknown=Outcome.BLOCK),
        at_least=_outcomes(use.at_least, unknown=Outcome.REVIEW),
        **scores,
    )


def _outcomes(named: Mapping[str, str], *, unknown: Outcome) -> dict[str, Outcome]:
    known = set(Outcome)
    return {name: Outcome(one) if one in known else unknown for name, one in named.items()}
