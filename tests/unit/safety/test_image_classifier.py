"""Image classifiers for transformers, on a tiny real one made here."""

from pathlib import Path

import pytest
from PIL import Image

from safety.errors import CheckFailed
from safety.image_checks import WantedChecks, open_image_check, open_image_checks, wanted_checks
from safety.screen_image import screen_image
from tests.fakes.image_classifiers import save_tiny_classifier
from tests.unit.safety.pictures import made_picture

LABELS = ("normal", "NSFW", "drawing", "Porn")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A vision transformer of a few thousand weights, and what prepares pictures for it."""
    return save_tiny_classifier(tmp_path_factory.mktemp("classifier"), LABELS)


def probabilities(model: Path, picture: Image.Image) -> dict[str, float]:
    """What the network says, without anything of ours between."""
    import torch
    from transformers import ViTForImageClassification, ViTImageProcessor

    prepared = ViTImageProcessor.from_pretrained(model)(picture, return_tensors="pt")
    with torch.no_grad():
        logits = ViTForImageClassification.from_pretrained(model)(**prepared).logits[0]
    return dict(zip(LABELS, logits.softmax(0).tolist(), strict=True))


def test_a_score_is_what_the_network_gives_the_labels_that_count(model: Path) -> None:
    check = open_image_check("nsfw_second", wanted=WantedChecks(nsfw_second=str(model)))
    pictures = [made_picture(number) for number in range(3)]
    found = [finding.score for (finding,) in check.check(pictures)]
    expected = [
        sum(share for label, share in probabilities(model, one).items() if label in LABELS[1::2])
        for one in pictures
    ]
    assert found == pytest.approx(expected, abs=1e-3)
    assert len(set(found)) == 3


def test_the_labels_that_count_can_be_set(model: Path) -> None:
    wanted = wanted_checks(nsfw_second=str(model), nsfw_second_labels="drawing, normal")
    ((finding,),) = open_image_check("nsfw_second", wanted=wanted).check([made_picture(1)])
    shares = probabilities(model, made_picture(1))
    assert finding.score == pytest.approx(shares["drawing"] + shares["normal"], abs=1e-3)


def test_an_age_estimator_is_one_too(model: Path) -> None:
    wanted = wanted_checks(age=str(model), age_labels="drawing")
    ((finding,),) = open_image_check("age", wanted=wanted).check([made_picture(1)])
    assert (finding.check, finding.outcome) == ("age", "allow")


def test_a_classifier_that_knows_no_label_that_counts_is_not_opened(model: Path) -> None:
    wanted = wanted_checks(nsfw_second=str(model), nsfw_second_labels="gore")
    with pytest.raises(CheckFailed, match="drawing, normal, nsfw, porn"):
        open_image_check("nsfw_second", wanted=wanted)


def test_a_folder_without_a_classifier_is_not_opened(tmp_path: Path) -> None:
    with pytest.raises(CheckFailed, match="no image classifier"):
        open_image_check("nsfw_second", wanted=WantedChecks(nsfw_second=str(tmp_path)))


def test_an_installation_runs_what_it_wants(model: Path) -> None:
    checks = open_image_checks(
        wanted=wanted_checks(nsfw_second=str(model), age=str(model), age_labels="drawing")
    )
    assert [check.name for check in checks] == ["nsfw", "nsfw_second", "age"]
    verdict = screen_image(made_picture(2), checks=checks, timeout_s=60)
    assert {one.check for one in verdict.findings} >= {"nsfw", "nsfw_second", "age"}
