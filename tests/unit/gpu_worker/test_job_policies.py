"""The policy that comes with a job, as the worker reads it and reports by it."""

import pytest
from PIL import Image

from backend.contracts import PolicyUse
from backend.service.policies import policy_use
from gpu_worker.release.policies import judged_by, policy_of
from gpu_worker.release.screening import Held, Screening
from safety.grades import NO_PLACE, Circumstances
from safety.policy import DEFAULT_POLICY, Policy
from safety.verdict import Finding, Outcome
from tests.fakes.image_checks import SureOf
from tests.unit.gpu_worker.conftest import a_render_job

ADULTS = Circumstances(is_restricted=True)
SNOW = Image.new("RGB", (64, 64), (250, 250, 255))


def approve(policy: Policy, there: Circumstances = NO_PLACE, *, score: float) -> bool:
    """Screen a picture as a job from a place would be; return whether it is a spoiler."""
    job = a_render_job(policy=policy_use(policy.graded(there)))
    screening = Screening(checks=[SureOf(score)], policy=DEFAULT_POLICY)
    [image] = screening.approve(
        [SNOW], clearances=frozenset(), timeout_s=30.0, policy=policy_of(job)
    )
    return image.verdict.is_spoiler


def test_a_picture_is_judged_by_its_jobs_policy_and_not_by_the_workers() -> None:
    strict = Policy(id="strict", nsfw_review_score=0.2)
    assert not approve(DEFAULT_POLICY, score=0.3)
    with pytest.raises(Held) as held:
        approve(strict, score=0.3)
    assert held.value.finding.rule == "nsfw.review"
    mild = Policy(id="mild", nsfw_review_score=0.95, nsfw_block_score=0.95)
    assert approve(mild, score=0.9)


def test_in_a_channel_for_adults_another_score_makes_a_spoiler() -> None:
    assert approve(DEFAULT_POLICY, score=0.5)
    assert not approve(DEFAULT_POLICY, ADULTS, score=0.5)
    early = Policy(nsfw_spoiler_restricted_score=0.3)
    assert approve(early, ADULTS, score=0.35)


def test_the_policy_that_ships_is_not_sent_as_every_worker_has_it() -> None:
    assert policy_use(DEFAULT_POLICY) is None
    assert policy_of(a_render_job(policy=None)) is None
    assert policy_use(DEFAULT_POLICY.graded(ADULTS)) is not None


def test_limits_of_categories_arrive() -> None:
    limits = Policy(
        id="limits", at_most={"hate": Outcome.REVIEW}, at_least={"sexual": Outcome.BLOCK}
    )
    arrived = policy_of(a_render_job(policy=policy_use(limits)))
    assert arrived is not None
    assert (arrived.id, arrived.at_most, arrived.at_least) == (
        "limits",
        limits.at_most,
        limits.at_least,
    )


def test_what_a_newer_backend_says_is_taken_as_far_as_it_is_known_and_else_as_the_stricter() -> (
    None
):
    use = PolicyUse(
        id="new",
        version="v",
        scores={"nsfw_review": 0.3, "colour": 0.1},
        at_most={"hate": "shrug"},
        at_least={"brand": "shrug"},
    )
    policy = policy_of(a_render_job(policy=use))
    assert policy is not None
    assert policy.nsfw_review_score == 0.3
    assert (policy.at_most, policy.at_least) == (
        {"hate": Outcome.BLOCK},
        {"brand": Outcome.REVIEW},
    )


def test_what_is_reported_is_what_the_checks_said_and_by_which_policy_it_was_judged() -> None:
    soft = Policy(id="soft", at_most={"hate": Outcome.ALLOW})
    found = soft.apply(Finding(check="sight", outcome=Outcome.BLOCK, category="hate", score=0.9))
    follows = Finding(check="age_and_nudity", outcome=Outcome.BLOCK, category="child_safety")
    use = policy_use(soft)
    assert use is not None
    told = judged_by(a_render_job(policy=use), [[found, follows], []])
    assert (told.policy, told.version) == ("soft", soft.version)
    [[only], nothing] = told.pictures
    assert (only.outcome, only.score, nothing) == ("block", 0.9, ())
    plain = judged_by(a_render_job(policy=None), [])
    assert (plain.policy, plain.version) == (DEFAULT_POLICY.id, DEFAULT_POLICY.version)
