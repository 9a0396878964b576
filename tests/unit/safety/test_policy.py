import pytest

from safety.errors import PolicyInvalid
from safety.policy import DEFAULT_POLICY, Policy, read_policy
from safety.verdict import Finding, Outcome, failed_check


def a_block(category):
    return Finding(check="test", outcome=Outcome.BLOCK, category=category, rule="test.rule")


def test_a_policy_can_hold_a_category_for_review_instead_of_blocking_it():
    policy = Policy(at_most={"hate": Outcome.REVIEW})
    assert policy.apply(a_block("hate")).outcome is Outcome.REVIEW
    assert policy.apply(a_block("sexual")).outcome is Outcome.BLOCK


def test_no_policy_softens_child_safety_or_a_failed_check():
    policy = Policy(at_most=dict.fromkeys(("child_safety", "check_failed"), Outcome.ALLOW))
    assert policy.apply(a_block("child_safety")).outcome is Outcome.BLOCK
    assert policy.apply(failed_check("test", "raised")).outcome is Outcome.BLOCK


@pytest.mark.parametrize(
    "fields",
    [
        {"nsfw_review_score": 0.9, "nsfw_block_score": 0.8},
        {"nsfw_block_score": float("nan")},
        {"nsfw_review_score": 0.0},
        {"image_check_timeout_s": 0.0},
        {"classifier_review_score": 0.99, "classifier_block_score": 0.98},
        {"classifier_doubt_score": float("nan")},
        {"prompts_to_freeze": -1},
        {"prompt_days": 0.0},
    ],
)
def test_a_policy_that_makes_no_sense_is_refused(fields):
    with pytest.raises(ValueError, match=r".+"):
        Policy(**fields)


def test_a_policy_can_hold_what_others_only_mention():
    mentioned = Finding(check="entities", outcome=Outcome.ALLOW, category="living_artist")
    assert DEFAULT_POLICY.apply(mentioned).outcome is Outcome.ALLOW
    strict = Policy(at_least={"living_artist": Outcome.REVIEW})
    assert strict.apply(mentioned).outcome is Outcome.REVIEW
    assert strict.apply(a_block("living_artist")).outcome is Outcome.BLOCK


@pytest.mark.parametrize(("score", "outcome"), [(0.2, "allow"), (0.3, "review"), (0.7, "block")])
def test_the_classifiers_score_is_judged_by_the_policy_at_hand(score, outcome):
    policy = Policy(classifier_review_score=0.3, classifier_block_score=0.7)
    for before in Outcome:
        finding = Finding(check="classifier", outcome=before, category="hate", score=score)
        assert policy.apply(finding).outcome == outcome


def classified(score):
    return Finding(check="classifier", outcome=Outcome.ALLOW, category="hate", score=score)


@pytest.mark.parametrize(("score", "outcome"), [(0.0, "review"), (0.69, "review"), (0.7, "block")])
def test_a_rule_blocks_only_where_the_classifier_agrees(score, outcome):
    policy = Policy(classifier_doubt_score=0.7)
    judged = policy.judge([a_block("hate"), classified(score)])
    assert judged[0].outcome == outcome


def test_a_rule_blocks_by_itself_where_no_classifier_looks():
    assert DEFAULT_POLICY.judge([a_block("hate")]) == [a_block("hate")]


@pytest.mark.parametrize("category", ["child_safety", "check_failed"])
def test_no_doubt_softens_child_safety_or_a_failed_check(category):
    judged = DEFAULT_POLICY.judge([a_block(category), classified(0.0)])
    assert judged[0].outcome is Outcome.BLOCK


def test_a_policy_may_block_in_spite_of_doubt():
    policy = Policy(at_least={"hate": Outcome.BLOCK})
    assert policy.judge([a_block("hate"), classified(0.0)])[0].outcome is Outcome.BLOCK


def test_a_document_says_what_it_changes_and_the_rest_stays():
    policy = read_policy("""
        version = 1
        id = "art-school-3"
        [at_most]
        sexual = "review"
        [at_least]
        living_artist = "review"
        [scores]
        classifier_review = 0.75
    """)
    assert policy == Policy(
        id="art-school-3",
        at_most={"sexual": Outcome.REVIEW},
        at_least={"living_artist": Outcome.REVIEW},
        classifier_review_score=0.75,
    )


@pytest.mark.parametrize(
    "document",
    [
        "not toml [",
        'id = "a"',
        'version = 2\nid = "a"',
        "version = 1",
        'version = 1\nid = "A Name"',
        'version = 1\nid = "a"\ncolour = "red"',
        'version = 1\nid = "a"\n[at_most]\nhate = "shrug"',
        'version = 1\nid = "a"\n[at_least]\n"no such" = "block"',
        'version = 1\nid = "a"\n[scores]\nimage_check_timeout_s = 1',
        'version = 1\nid = "a"\n[scores]\nclassifier_review = 2',
        'version = 1\nid = "a"\n[scores]\nclassifier_review = "high"',
        "version = 1\nid = 3",
        'version = 1\nid = "a"\nat_most = 3',
    ],
)
def test_a_document_that_cannot_be_read_is_refused(document):
    with pytest.raises(PolicyInvalid):
        read_policy(document)


def test_a_document_says_after_how_many_prompts_words_freeze():
    text = 'version = 1\nid = "a"\n[child_safety]\nprompts_to_freeze = 1\nprompt_days = 7\n'
    policy = read_policy(text)
    assert (policy.prompts_to_freeze, policy.prompt_days) == (1, 7.0)
    assert DEFAULT_POLICY.prompts_to_freeze == 3
    with pytest.raises(PolicyInvalid):
        read_policy('version = 1\nid = "a"\n[child_safety]\nnone = 1\n')
