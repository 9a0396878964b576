import pytest

from safety.policy import Policy
from safety.verdict import Finding, Outcome, failed_check


def a_block(category):
    return Finding(check="test", outcome=Outcome.BLOCK, category=category, rule="test.rule")


def test_a_policy_can_hold_a_category_for_review_instead_of_blocking_it():
    policy = Policy(reviewed_categories=frozenset({"hate"}))
    assert policy.apply(a_block("hate")).outcome is Outcome.REVIEW
    assert policy.apply(a_block("sexual")).outcome is Outcome.BLOCK


def test_no_policy_softens_child_safety_or_a_failed_check():
    policy = Policy(reviewed_categories=frozenset({"child_safety", "check_failed"}))
    assert policy.apply(a_block("child_safety")).outcome is Outcome.BLOCK
    assert policy.apply(failed_check("test", "raised")).outcome is Outcome.BLOCK


@pytest.mark.parametrize(
    "fields",
    [
        {"nsfw_review_score": 0.9, "nsfw_block_score": 0.8},
        {"nsfw_block_score": float("nan")},
        {"nsfw_review_score": 0.0},
        {"image_check_timeout_s": 0.0},
    ],
)
def test_a_policy_that_makes_no_sense_is_refused(fields):
    with pytest.raises(ValueError, match=r".+"):
        Policy(**fields)
