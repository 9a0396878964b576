"""What several checks say of one picture, weighed together."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safety.policy import DEFAULT_POLICY, Policy
from safety.verdict import Finding, Outcome, failed_check
from safety.weighing import weigh

POLICY = Policy()
AGE_IN_WORDS = Finding(
    check="blocklist", outcome=Outcome.ALLOW, category="age_cue", rule="age_cue.named"
)
probabilities = st.floats(min_value=0, max_value=1)


def scored(check, score, policy=POLICY):
    return policy.apply(Finding(check=check, outcome=Outcome.ALLOW, score=score))


def weighed(*findings, told=(), policy=POLICY):
    return weigh(findings, told, policy)


def worst(findings):
    return max((one.outcome for one in findings), key=lambda outcome: outcome.severity)


def test_two_networks_that_agree_block():
    found = weighed(scored("nsfw", 0.9), scored("nsfw_second", 0.85))
    assert worst(found) is Outcome.BLOCK
    assert [one.score for one in found] == [0.9, 0.85]


@pytest.mark.parametrize("scores", [(0.95, 0.1), (0.1, 0.95), (0.95, 0.7)])
def test_one_network_alone_holds_and_both_scores_are_kept(scores):
    found = weighed(scored("nsfw", scores[0]), scored("nsfw_second", scores[1]))
    assert worst(found) is Outcome.REVIEW
    assert tuple(one.score for one in found) == scores
    assert any(one.rule.endswith(".alone") for one in found)


def test_a_network_that_is_alone_here_blocks_by_itself():
    assert worst(weighed(scored("nsfw", 0.9))) is Outcome.BLOCK


def test_a_second_network_that_failed_does_not_soften_the_first():
    found = weighed(scored("nsfw", 0.9), failed_check("nsfw_second", "timed_out"))
    assert worst(found) is Outcome.BLOCK
    assert {one.category for one in found} == {"sexual", "check_failed"}


def test_a_policy_that_blocks_all_of_it_asks_for_no_agreement():
    strict = Policy(at_least={"sexual": Outcome.BLOCK})
    found = weighed(scored("nsfw", 0.7, strict), scored("nsfw_second", 0.1, strict), policy=strict)
    assert worst(found) is Outcome.BLOCK


@given(first=probabilities, second=probabilities)
def test_two_networks_are_never_milder_than_the_milder_alone(first, second):
    both = worst(weighed(scored("nsfw", first), scored("nsfw_second", second)))
    alone = [worst([scored("nsfw", score)]) for score in (first, second)]
    assert both.severity >= min(one.severity for one in alone)


def test_an_age_cue_in_words_and_a_naked_picture_are_child_safety():
    found = weighed(scored("nsfw", 0.5), told=[AGE_IN_WORDS])
    (decisive,) = (one for one in found if one.category == "child_safety")
    assert (decisive.outcome, decisive.rule) == (Outcome.BLOCK, "child_safety.age_in_words")
    assert decisive.score == 0.5


def test_an_age_seen_in_the_picture_counts_for_what_it_is_sure_of():
    seen = [scored("nsfw", 0.8), scored("age", 0.6)]
    (decisive,) = (one for one in weighed(*seen) if one.category == "child_safety")
    assert (decisive.score, decisive.rule) == (0.48, "child_safety.age_in_picture")
    unsure = [scored("nsfw", 0.8), scored("age", 0.4)]
    assert not any(one.category == "child_safety" for one in weighed(*unsure))


def test_neither_half_is_child_safety_by_itself():
    clothed = weighed(scored("nsfw", 0.05), scored("age", 0.99), told=[AGE_IN_WORDS])
    grown_up = weighed(scored("nsfw", 0.99), scored("age", 0.01))
    for found in (clothed, grown_up):
        assert not any(one.category == "child_safety" for one in found)


def test_a_check_of_the_words_that_failed_holds_the_picture():
    found = weighed(scored("nsfw", 0.01), told=[failed_check("blocklist", "raised")])
    assert worst(found) is Outcome.BLOCK


def test_nobody_may_let_guilds_soften_age_and_nudity():
    with pytest.raises(ValueError, match="nobody softens"):
        Policy(guilds_may_soften=frozenset({"age_nudity"}))
    assert DEFAULT_POLICY.age_nudity_score < DEFAULT_POLICY.nsfw_review_score
