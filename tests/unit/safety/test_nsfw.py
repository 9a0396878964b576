import pytest
from PIL import Image, ImageDraw

from safety.errors import CheckFailed
from safety.image_checks import open_image_check, open_image_checks
from safety.scoring import ScoredImageCheck
from safety.screen_image import screen_image
from safety.verdict import Outcome


def a_landscape(width=256, height=256):
    picture = Image.new("RGB", (width, height), "skyblue")
    draw = ImageDraw.Draw(picture)
    draw.rectangle((0, height * 0.6, width, height), fill="forestgreen")
    draw.ellipse((width * 0.7, 20, width * 0.7 + 50, 70), fill="gold")
    draw.polygon([(20, height * 0.6), (90, 60), (160, height * 0.6)], fill="slategray")
    return picture


def a_check(*scores):
    answers = list(scores)
    return ScoredImageCheck(name="nsfw", score=lambda _: answers)


@pytest.fixture(scope="module")
def real_check():
    return open_image_check("nsfw")


@pytest.mark.parametrize("size", [(256, 256), (512, 256), (64, 192)])
def test_the_real_network_lets_a_drawn_landscape_pass(real_check, size):
    ((finding,),) = real_check.check([a_landscape(*size)])
    assert 0 <= finding.score < 0.3


@pytest.mark.parametrize("mode", ["L", "RGBA", "P"])
def test_the_real_network_takes_any_kind_of_picture(real_check, mode):
    ((finding,),) = real_check.check([a_landscape().convert(mode)])
    assert 0 <= finding.score < 0.3


def test_what_an_installation_runs_lets_a_drawn_landscape_pass():
    verdict = screen_image(a_landscape(), checks=open_image_checks(), timeout_s=60)
    assert verdict.outcome is Outcome.ALLOW


def test_the_real_network_says_of_each_of_several_what_it_says_of_it_alone(real_check):
    pictures = [a_landscape(), a_landscape(600, 200), Image.new("RGB", (64, 64), "tan")]
    together = [finding.score for (finding,) in real_check.check(pictures)]
    alone = [real_check.check([picture])[0][0].score for picture in pictures]
    assert together == pytest.approx(alone, abs=1e-3)


@pytest.mark.parametrize(
    ("score", "outcome"),
    [
        (0.0, Outcome.ALLOW),
        (0.39, Outcome.ALLOW),
        (0.4, Outcome.SPOILER),
        (0.59, Outcome.SPOILER),
        (0.6, Outcome.REVIEW),
        (0.79, Outcome.REVIEW),
        (0.8, Outcome.BLOCK),
        (1.0, Outcome.BLOCK),
    ],
)
def test_the_policy_says_what_a_score_comes_to(score, outcome):
    assert screen_image(a_landscape(), checks=[a_check(score)]).outcome is outcome


def test_both_ends_of_a_long_picture_are_looked_at():
    ((finding,),) = a_check(0.1, 0.1, 0.9).check([a_landscape(600, 200)])
    assert finding.score == 0.9


def test_each_picture_keeps_its_own_worst_look():
    found = a_check(0.1, 0.1, 0.9, 0.3).check([a_landscape(600, 200), a_landscape()])
    assert [finding.score for (finding,) in found] == [0.9, 0.3]


@pytest.mark.parametrize("scores", [[float("nan")], [-0.5], [2.0], [0.1, 0.1], []])
def test_a_score_that_is_no_probability_or_of_no_picture_is_a_failed_check(scores):
    with pytest.raises(CheckFailed):
        a_check(*scores).check([a_landscape()])


def test_an_answer_of_the_wrong_shape_blocks():
    check = ScoredImageCheck(name="nsfw", score=lambda _: [[0.1, 0.9]])
    verdict = screen_image(a_landscape(), checks=[check], timeout_s=10)
    assert verdict.decisive.category == "check_failed"
