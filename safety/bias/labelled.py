"""How often an estimator is right, on portraits that an operator has labelled."""

from pathlib import Path

from PIL import Image

from safety.bias.audit import Accuracy
from safety.estimator import Estimator


def accuracy_of(estimator: Estimator, folder: Path) -> Accuracy | None:
    """Try an estimator on the pictures in a folder's subfolders, which are called by group.

    Groups it does not know are left out. None if there is no picture to try it on.
    """
    right: dict[str, float] = {}
    portraits = 0
    for group in estimator.groups:
        pictures = [_open(path) for path in sorted((folder / group).glob("*")) if path.is_file()]
        if pictures:
            estimates = estimator.estimate(pictures)
            right[group] = sum(one.group == group for one in estimates) / len(pictures)
            portraits += len(pictures)
    return Accuracy(portraits=portraits, by_group=right) if portraits else None


def _open(path: Path) -> Image.Image:
    with Image.open(path) as image:
        return image.convert("RGB")
