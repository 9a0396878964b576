import pytest
from PIL import Image

from safety.errors import NotApproved
from safety.verdict import (
    ApprovedImage,
    Finding,
    Outcome,
    SafetyVerdict,
    digest_of,
    failed_check,
)

PIXELS = Image.new("RGB", (8, 8))


def a_finding(outcome, category="sexual"):
    return Finding(check="test", outcome=outcome, category=category, rule="test.rule")


def of_pixels(*findings):
    return SafetyVerdict.fold(findings, subject=digest_of(PIXELS))


CLEAR = a_finding(Outcome.ALLOW, "")


@pytest.mark.parametrize(
    ("findings", "outcome"),
    [
        ([], Outcome.ALLOW),
        ([CLEAR], Outcome.ALLOW),
        ([CLEAR, a_finding(Outcome.SPOILER)], Outcome.SPOILER),
        ([a_finding(Outcome.SPOILER), a_finding(Outcome.REVIEW)], Outcome.REVIEW),
        ([a_finding(Outcome.BLOCK), CLEAR, a_finding(Outcome.REVIEW)], Outcome.BLOCK),
    ],
)
def test_the_worst_finding_wins(findings, outcome):
    assert SafetyVerdict.fold(findings).outcome is outcome


def test_child_safety_decides_before_any_other_block():
    verdict = SafetyVerdict.fold(
        [a_finding(Outcome.BLOCK, "sexual"), a_finding(Outcome.BLOCK, "child_safety")]
    )
    assert verdict.decisive.category == "child_safety"


def test_an_allowed_verdict_has_nothing_decisive():
    assert SafetyVerdict.fold([CLEAR]).decisive is None


def test_a_verdict_cannot_be_milder_than_its_findings():
    with pytest.raises(ValueError, match="not the worst"):
        SafetyVerdict(outcome=Outcome.ALLOW, findings=(a_finding(Outcome.BLOCK),))


def test_a_clear_picture_is_approved():
    verdict = of_pixels(CLEAR)
    assert ApprovedImage(pixels=PIXELS, verdict=verdict).verdict is verdict


@pytest.mark.parametrize("outcome", [Outcome.REVIEW, Outcome.BLOCK])
def test_a_held_picture_cannot_be_approved(outcome):
    with pytest.raises(NotApproved):
        ApprovedImage(pixels=PIXELS, verdict=of_pixels(a_finding(outcome)))


def test_a_picture_nothing_has_looked_at_cannot_be_approved():
    with pytest.raises(NotApproved):
        ApprovedImage(pixels=PIXELS, verdict=of_pixels())


def test_a_moderator_can_clear_a_category():
    verdict = of_pixels(a_finding(Outcome.BLOCK, "sexual"), CLEAR)
    assert ApprovedImage(pixels=PIXELS, verdict=verdict, clearances=frozenset({"sexual"}))


def test_a_clearance_counts_for_its_category_only():
    verdict = of_pixels(a_finding(Outcome.BLOCK, "sexual"), a_finding(Outcome.REVIEW, "hate"))
    with pytest.raises(NotApproved):
        ApprovedImage(pixels=PIXELS, verdict=verdict, clearances=frozenset({"sexual"}))


@pytest.mark.parametrize(
    "finding", [a_finding(Outcome.BLOCK, "child_safety"), failed_check("test", "raised")]
)
def test_child_safety_and_failed_checks_are_never_cleared(finding):
    with pytest.raises(NotApproved):
        ApprovedImage(
            pixels=PIXELS,
            verdict=of_pixels(finding),
            clearances=frozenset({"child_safety", "check_failed"}),
        )


def test_a_spoiler_leaves_and_says_so():
    verdict = of_pixels(a_finding(Outcome.SPOILER), CLEAR)
    assert ApprovedImage(pixels=PIXELS, verdict=verdict).verdict.is_spoiler
    assert verdict.decisive is None
    assert not of_pixels(CLEAR).is_spoiler


def test_no_verdict_approves_other_pixels_than_it_is_of():
    other = PIXELS.copy()
    other.putpixel((0, 0), (1, 0, 0))
    with pytest.raises(NotApproved, match="other pixels"):
        ApprovedImage(pixels=other, verdict=of_pixels(CLEAR))


def test_a_verdict_of_nothing_in_particular_approves_nothing():
    with pytest.raises(NotApproved, match="other pixels"):
        ApprovedImage(pixels=PIXELS, verdict=SafetyVerdict.fold([CLEAR]))


def test_an_approved_picture_that_is_painted_over_does_not_leave():
    pixels = PIXELS.copy()
    approved = ApprovedImage(pixels=pixels, verdict=of_pixels(CLEAR))
    pixels.putpixel((3, 3), (255, 0, 0))
    with pytest.raises(NotApproved, match="other pixels"):
        _ = approved.pixels


def test_pixels_in_another_mode_or_shape_are_other_pixels():
    flat = Image.new("L", (6, 4))
    assert digest_of(flat) != digest_of(Image.new("L", (4, 6)))
    assert digest_of(flat) != digest_of(Image.new("P", (6, 4)))
