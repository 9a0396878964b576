import threading

import pytest
from PIL import Image

from safety.screen_image import screen_image, screen_images
from safety.verdict import ApprovedImage, Finding, Outcome
from tests.fakes.image_checks import EachByItself

PIXELS = Image.new("RGB", (64, 64), "teal")


class Says(EachByItself):
    name = "says"

    def __init__(self, *findings):
        self._findings = list(findings)

    def look(self, pixels):
        return self._findings


class Fails(EachByItself):
    name = "fails"

    def look(self, pixels):
        raise RuntimeError("no model")


class Hangs(EachByItself):
    name = "hangs"

    def __init__(self):
        self.let_go = threading.Event()

    def look(self, pixels):
        self.let_go.wait()
        return []


class SaysNonsense(EachByItself):
    name = "nonsense"

    def look(self, pixels):
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


class Counts(EachByItself):
    """Answers for one picture fewer, or more."""

    name = "counts"

    def __init__(self, off_by):
        self._off_by = off_by

    def check(self, pictures):
        return [[]] * (len(pictures) + self._off_by)


@pytest.mark.parametrize("off_by", [-1, 1])
def test_an_answer_for_more_or_fewer_pictures_holds_them_all(off_by):
    verdicts = screen_images([PIXELS, PIXELS], checks=[Says(), Counts(off_by)], timeout_s=10)
    assert [one.decisive.rule for one in verdicts] == ["wrong_count", "wrong_count"]


def test_all_checks_look_at_the_same_time():
    both = threading.Barrier(2)

    class Meets(EachByItself):
        name = "meets"

        def look(self, pixels):
            both.wait(10)
            return []

    assert screen_image(PIXELS, checks=[Meets(), Meets()], timeout_s=20).outcome is Outcome.ALLOW


def test_a_check_is_asked_once_for_all_pictures_of_a_job():
    asked = []

    class Listens:
        name = "listens"

        def check(self, pictures):
            asked.append(len(pictures))
            return [[] for _ in pictures]

    screen_images([PIXELS] * 4, checks=[Listens()], timeout_s=10)
    assert asked == [4]


def test_each_picture_gets_the_verdict_of_its_own_pixels():
    dark = Image.new("RGB", (64, 64), "black")

    class Dislikes(EachByItself):
        name = "dislikes"

        def look(self, pixels):
            return [scored(0.9, Outcome.BLOCK)] if pixels.getpixel((0, 0)) == (0, 0, 0) else []

    light, night = screen_images([PIXELS, dark], checks=[Dislikes()], timeout_s=10)
    assert (light.outcome, night.outcome) == (Outcome.ALLOW, Outcome.BLOCK)
    assert ApprovedImage(pixels=PIXELS, verdict=light)
    assert light.subject != night.subject
