import threading

import pytest
from PIL import Image

from safety.screen_image import screen_image
from safety.verdict import ApprovedImage, Finding, Outcome

PIXELS = Image.new("RGB", (64, 64), "teal")


class Says:
    name = "says"

    def __init__(self, *findings):
        self._findings = list(findings)

    def check(self, pixels):
        return self._findings


class Fails:
    name = "fails"

    def check(self, pixels):
        raise RuntimeError("no model")


class Hangs:
    name = "hangs"

    def __init__(self):
        self.let_go = threading.Event()

    def check(self, pixels):
        self.let_go.wait()
        return []


class SaysNonsense:
    name = "nonsense"

    def check(self, pixels):
        return None


def scored(score, outcome=Outcome.ALLOW):
    return Finding(check="says", outcome=outcome, category="sexual", rule="nsfw.test", score=score)


def test_a_picture_every_check_lets_pass_can_be_approved():
    verdict = screen_image(PIXELS, checks=[Says(scored(0.1)), Says()], timeout_s=10)
    assert verdict.outcome is Outcome.ALLOW
    assert ApprovedImage(pixels=PIXELS, verdict=verdict)


def test_one_check_that_holds_is_enough():
    held = scored(0.7, Outcome.REVIEW)
    assert screen_image(PIXELS, checks=[Says(), Says(held)], timeout_s=10).decisive == held


@pytest.mark.parametrize("check", [Fails(), SaysNonsense()], ids=["raises", "answers nonsense"])
def test_a_check_that_fails_blocks(check):
    decisive = screen_image(PIXELS, checks=[Says(), check], timeout_s=10).decisive
    assert (decisive.outcome, decisive.category) == (Outcome.BLOCK, "check_failed")


def test_a_check_that_hangs_blocks():
    check = Hangs()
    decisive = screen_image(PIXELS, checks=[Says(), check], timeout_s=0.01).decisive
    check.let_go.set()
    assert (decisive.category, decisive.rule) == ("check_failed", "timed_out")


@pytest.mark.parametrize("score", [float("nan"), float("inf"), -0.1, 1.1])
def test_a_score_that_is_no_probability_blocks_whatever_the_check_made_of_it(score):
    decisive = screen_image(PIXELS, checks=[Says(scored(score))], timeout_s=10).decisive
    assert (decisive.outcome, decisive.category) == (Outcome.BLOCK, "check_failed")


def test_no_checks_at_all_block():
    assert screen_image(PIXELS, checks=[], timeout_s=10).decisive.category == "check_failed"
