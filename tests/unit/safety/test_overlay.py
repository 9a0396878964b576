"""A guild's policy over the deployment's."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safety.errors import PolicyInvalid
from safety.overlay import GuildPolicy, overlay, read_guild_policy, softenings
from safety.policy import DEFAULT_POLICY, SCORES, Policy, read_policy
from safety.verdict import CHECK_FAILED, CHILD_SAFETY, Finding, Outcome

CATEGORIES = ("sexual", "hate", "brand", CHILD_SAFETY, CHECK_FAILED)
CHECKS = ("blocklist", "classifier", "nsfw")

outcomes = st.dictionaries(st.sampled_from(CATEGORIES), st.sampled_from(Outcome))
scores = st.floats(min_value=0.01, max_value=1)
houses = st.builds(
    lambda at_most, at_least, nsfw, classifier: Policy(
        at_most=at_most,
        at_least=at_least,
        nsfw_review_score=min(nsfw),
        nsfw_block_score=max(nsfw),
        classifier_review_score=min(classifier),
        classifier_block_score=max(classifier),
    ),
    outcomes,
    outcomes,
    st.tuples(scores, scores),
    st.tuples(scores, scores),
)
guilds = st.builds(
    lambda at_most, at_least, scores: GuildPolicy(
        id="guild", at_most=at_most, at_least=at_least, scores=scores
    ),
    outcomes,
    outcomes,
    st.dictionaries(st.sampled_from(SCORES), scores),
)
findings = st.builds(
    lambda check, category, outcome, score: Finding(
        check=check, category=category, outcome=outcome, score=score
    ),
    st.sampled_from(CHECKS),
    st.sampled_from(CATEGORIES),
    st.sampled_from(Outcome),
    st.none() | st.floats(min_value=0, max_value=1),
)


def a_guild(text: str) -> GuildPolicy:
    return read_guild_policy(f'version = 1\nid = "guild"\n{text}')


@given(house=houses, guild=guilds, finding=findings)
def test_whatever_a_guild_says_nothing_gets_softer(house, guild, finding):
    in_house = house.apply(finding).outcome
    assert overlay(house, guild).apply(finding).outcome.severity >= in_house.severity


@given(house=houses, guild=guilds, found=st.lists(findings, max_size=4))
def test_nothing_gets_softer_where_findings_are_judged_together(house, guild, found):
    before, after = house.judge(found), overlay(house, guild).judge(found)
    pairs = zip(before, after, strict=True)
    assert all(now.outcome.severity >= then.outcome.severity for then, now in pairs)


@given(house=houses, guild=guilds, finding=findings, soft=st.sets(st.sampled_from(CATEGORIES[:3])))
def test_child_safety_and_failed_checks_stay_a_block_wherever_softening_is_allowed(
    house, guild, finding, soft
):
    house = Policy(
        at_most=house.at_most, guilds_may_soften=frozenset(soft) | {"nsfw_block", "nsfw_review"}
    )
    before = house.apply(finding)
    if before.category in (CHILD_SAFETY, CHECK_FAILED):
        after = overlay(house, guild).apply(finding)
        assert after.outcome.severity >= before.outcome.severity


def test_what_a_guild_does_not_say_stays_as_the_deployment_has_it():
    house = Policy(at_most={"hate": Outcome.REVIEW}, nsfw_review_score=0.3)
    merged = overlay(house, a_guild('[at_least]\nbrand = "review"'), edition="2")
    assert merged.at_most == house.at_most
    assert merged.at_least == {"brand": Outcome.REVIEW}
    assert merged.nsfw_review_score == 0.3
    assert (merged.id, merged.edition) == ("guild", "2")


def test_a_guild_that_wants_more_is_not_held_back_by_the_deployments_leniency():
    house = Policy(at_most={"sexual": Outcome.REVIEW})
    found = Finding(check="blocklist", category="sexual", outcome=Outcome.BLOCK)
    assert house.apply(found).outcome is Outcome.REVIEW
    strict = overlay(house, a_guild('[at_least]\nsexual = "block"'))
    assert strict.apply(found).outcome is Outcome.BLOCK
    lifted = overlay(house, a_guild('[at_most]\nsexual = "block"'))
    assert lifted.apply(found).outcome is Outcome.BLOCK


def test_a_guild_is_softer_where_the_deployment_lets_it_and_nowhere_else():
    house = Policy(guilds_may_soften=frozenset({"violence_gore", "classifier_review"}))
    wish = a_guild("""
        [at_most]
        violence_gore = "allow"
        hate = "allow"
        child_safety = "allow"
        [scores]
        classifier_review = 0.95
        nsfw_review = 0.7
    """)
    assert softenings(house, wish) == ["child_safety", "hate", "nsfw_review"]
    merged = overlay(house, wish)
    violence = Finding(check="blocklist", category="violence_gore", outcome=Outcome.BLOCK)
    assert merged.apply(violence).outcome is Outcome.ALLOW
    hate = Finding(check="blocklist", category="hate", outcome=Outcome.BLOCK)
    assert merged.apply(hate).outcome is Outcome.BLOCK
    assert merged.classifier_review_score == 0.95
    assert merged.nsfw_review_score == house.nsfw_review_score


def test_a_lower_block_draws_the_review_down_with_it():
    merged = overlay(DEFAULT_POLICY, GuildPolicy(
        id="guild", at_most={}, at_least={}, scores={"nsfw_block": 0.2}
    ))  # fmt: skip
    assert (merged.nsfw_review_score, merged.nsfw_block_score) == (0.2, 0.2)


@pytest.mark.parametrize(
    "text", ['guilds_may_soften = ["hate"]', "[at_most]\nhate = 3", "[scores]\ncolour = 0.2"]
)
def test_what_is_not_a_guilds_to_say_is_refused(text):
    with pytest.raises(PolicyInvalid):
        a_guild(text)


def test_a_version_tells_what_a_policy_says_and_not_what_it_is_called():
    one = read_policy('version = 1\nid = "a"\n[at_most]\nhate = "review"')
    other = read_policy('version = 1\nid = "b"\n[at_most]\nhate = "review"')
    third = read_policy('version = 1\nid = "a"\n[at_most]\nhate = "allow"')
    assert one.version == other.version
    assert one.version != third.version
    merged = overlay(one, a_guild('[at_least]\nbrand = "review"'), edition="3")
    assert merged.version.startswith("3.")
    assert merged.version.split(".")[1] != one.version


def test_the_deployment_may_let_nobody_soften_child_safety():
    with pytest.raises(PolicyInvalid, match="child_safety"):
        read_policy('version = 1\nid = "a"\nguilds_may_soften = ["child_safety"]')


def test_a_pictures_score_is_judged_by_the_policy_at_hand():
    found = Finding(check="nsfw", outcome=Outcome.BLOCK, category="sexual", score=0.3)
    assert DEFAULT_POLICY.apply(found).outcome is Outcome.ALLOW
    strict = Policy(nsfw_review_score=0.2)
    judged = strict.apply(
        Finding(check="nsfw", outcome=Outcome.ALLOW, rule="nsfw.allow", score=0.3)
    )
    assert (judged.outcome, judged.category, judged.rule) == (
        Outcome.REVIEW,
        "sexual",
        "nsfw.review",
    )
