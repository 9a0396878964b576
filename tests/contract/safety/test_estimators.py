"""What every estimator promises."""

import pytest
from PIL import Image

from safety.errors import CheckFailed
from safety.estimator import UNKNOWN
from safety.estimators import open_estimator
from tests.fakes.image_classifiers import save_tiny_classifier

PORTRAITS = [Image.new("RGB", (40, 30), colour) for colour in ("red", "white", "black")]


def test_each_portrait_has_one_estimate_in_order(tmp_path):
    source = str(save_tiny_classifier(tmp_path, ("Woman", "Man"), favours=1))
    one = open_estimator("image_classifier", axis="gender", source=source)
    assert (one.axis, one.groups) == ("gender", ("man", "woman"))
    estimates = one.estimate(PORTRAITS)
    assert [each.group for each in estimates] == ["man"] * 3
    assert all(0.9 < each.confidence <= 1 for each in estimates)
    assert one.estimate([]) == []


def test_what_shows_nobody_is_of_no_group(tmp_path):
    source = str(save_tiny_classifier(tmp_path, ("woman", "man", "no face"), favours=2))
    one = open_estimator("image_classifier", axis="gender", source=source)
    assert one.groups == ("man", "woman")
    assert [each.group for each in one.estimate(PORTRAITS)] == [UNKNOWN] * 3


def test_what_tells_no_groups_apart_or_is_no_model_is_refused(tmp_path):
    single = str(save_tiny_classifier(tmp_path / "single", ("person", "none"), favours=0))
    with pytest.raises(CheckFailed, match="fewer than two"):
        open_estimator("image_classifier", axis="gender", source=single)
    (tmp_path / "empty").mkdir()
    with pytest.raises(CheckFailed, match="no image classifier"):
        open_estimator("image_classifier", axis="gender", source=str(tmp_path / "empty"))
