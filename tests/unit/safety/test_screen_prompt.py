from safety.policy import Policy
from safety.screen_prompt import screen_prompt
from safety.verdict import Finding, Outcome


class Says:
    name = "says"

    def __init__(self, *findings):
        self._findings = list(findings)

    def check(self, text):
        return self._findings


class Fails:
    name = "fails"

    def check(self, text):
        raise RuntimeError("no model")


A_BLOCK = Finding(check="says", outcome=Outcome.BLOCK, category="hate", rule="hate.test")


def test_a_text_nothing_stands_against_is_allowed():
    assert screen_prompt("a fox", checks=[Says()]).outcome is Outcome.ALLOW


def test_one_check_that_blocks_is_enough():
    verdict = screen_prompt("a fox", checks=[Says(), Says(A_BLOCK)])
    assert verdict.decisive == A_BLOCK


def test_a_check_that_fails_blocks():
    verdict = screen_prompt("a fox", checks=[Says(), Fails()])
    assert verdict.outcome is Outcome.BLOCK
    assert verdict.decisive.category == "check_failed"


def test_no_checks_at_all_block():
    assert screen_prompt("a fox", checks=[]).decisive.category == "check_failed"


def test_the_policy_softens_what_it_may():
    policy = Policy(at_most={"hate": Outcome.REVIEW})
    verdict = screen_prompt("a fox", checks=[Says(A_BLOCK)], policy=policy)
    assert verdict.outcome is Outcome.REVIEW
