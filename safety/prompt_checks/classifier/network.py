"""A little network over the vectors of a few words in a row, in plain numpy.

It looks at each word, and at three and five words in a row, keeps the strongest sign of each kind
and the mean of all vectors, and answers with a probability a category, and one for any of them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from io import BytesIO
from typing import Final

import numpy as np
from numpy.typing import NDArray

from safety.errors import CheckFailed
from safety.prompt_checks.classifier.reading import GAP, read_words

Floats = NDArray[np.float32]

CATEGORIES: Final = (
    "sexual",
    "violence",
    "gore",
    "hate",
    "self_harm",
    "illegal",
    "harassment",
    "deception",
)
# What the network answers: each category, and whether a text is of any.
MADE_OF: Final = "made_of"
ANY: Final = "any"
ANSWERS: Final = (*CATEGORIES, ANY)
WIDTHS: Final = (1, 3, 5)
# A longer prompt is judged piece by piece, so that its end does not outweigh its beginning.
PIECE_WORDS: Final = 48
# Behind a piece there is nothing for so many words: what nothing looks like belongs to each.
END_GAPS: Final = 3
_STRIDE_WORDS: Final = 32
_WORDS_MAX: Final = 4_000
_TEXT_MAX: Final = 40_000


@dataclass(frozen=True, kw_only=True)
class WordVectors:
    """Words, folded, and a vector for each; the last vector is a gap's: nothing."""

    index: dict[str, int]
    vectors: Floats

    @classmethod
    def read(cls, data: bytes) -> "WordVectors":
        """Read what `training/vectors.py` wrote."""
        with np.load(BytesIO(data), allow_pickle=False) as stored:
            words = bytes(stored["words"]).decode().split("\n")
            vectors = stored["vectors"].astype(np.float32) * stored["scale"]
        nothing = np.zeros((1, vectors.shape[1]), dtype=np.float32)
        index = {word: number for number, word in enumerate(words)}
        return cls(index=index, vectors=np.concatenate([vectors, nothing]))

    def knows(self, word: str) -> bool:
        """Say whether a folded word has a vector."""
        return word in self.index

    def look_up(self, text: str) -> list[int]:
        """Return the number of each word of a text, and the gap's where a clause ends."""
        gap = len(self.vectors) - 1
        words = read_words(text, self.knows)
        return [gap if word == GAP else self.index[word] for word in words]


@dataclass(frozen=True, kw_only=True)
class Network:
    """What was learned: a layer for each width, and one that answers."""

    layers: tuple[tuple[Floats, Floats], ...]
    answer: tuple[Floats, Floats]

    @classmethod
    def read(cls, data: bytes) -> "Network":
        """Read what `training/fit.py` wrote."""
        with np.load(BytesIO(data), allow_pickle=False) as stored:
            weights = {
                name: stored[name].astype(np.float32) for name in stored.files if name != MADE_OF
            }
        return cls(
            layers=tuple((weights[f"w{width}"], weights[f"b{width}"]) for width in WIDTHS),
            answer=(weights["w_answer"], weights["b_answer"]),
        )

    def judge(self, vectors: Floats) -> Floats:
        """Return a probability an answer for the vectors (words, dimensions) of a piece."""
        padded = np.pad(vectors, ((0, END_GAPS), (0, 0)))
        signs = [
            np.maximum(windows(padded[None], width)[0] @ weights + bias, 0).max(axis=0)
            for width, (weights, bias) in zip(WIDTHS, self.layers, strict=True)
        ]
        weights, bias = self.answer
        logits = np.concatenate([*signs, means(vectors[None])[0]]) @ weights + bias
        return np.asarray(1 / (1 + np.exp(-logits)), dtype=np.float32)


def windows(vectors: Floats, width: int) -> Floats:
    """Return every `width` vectors in a row: (texts, words, dimensions) to width times as many."""
    if width == 1:
        return vectors
    edge = width // 2
    padded = np.pad(vectors, ((0, 0), (edge, edge), (0, 0)))
    words = vectors.shape[1]
    return np.concatenate([padded[:, i : i + words] for i in range(width)], axis=2)


def means(vectors: Floats) -> Floats:
    """Return the mean of each text's vectors that are no gaps."""
    counts = (vectors != 0).any(axis=2).sum(axis=1, keepdims=True)
    return np.asarray(vectors.sum(axis=1) / np.maximum(counts, 1), dtype=np.float32)


@dataclass(frozen=True, kw_only=True)
class Classifier:
    """Gives a text a probability a category, and one for any of them."""

    words: WordVectors
    network: Network

    def scores(self, text: str) -> dict[str, float]:
        """Return the highest probability an answer that any piece of a text has.

        Raises:
            CheckFailed: a probability is no number.

        """
        numbers = self.words.look_up(text[:_TEXT_MAX])[:_WORDS_MAX]
        if not any(number < len(self.words.vectors) - 1 for number in numbers):
            return dict.fromkeys(ANSWERS, 0.0)
        answers = [self.network.judge(self.words.vectors[piece]) for piece in _pieces(numbers)]
        highest = np.max(answers, axis=0)
        if not np.isfinite(highest).all():
            raise CheckFailed("the network gave no number")
        return {name: float(score) for name, score in zip(ANSWERS, highest, strict=True)}


def _pieces(numbers: Sequence[int]) -> list[list[int]]:
    """Return overlapping pieces, each once: what is said over and over is judged once."""
    last = max(len(numbers) - PIECE_WORDS + _STRIDE_WORDS, 1)
    starts = range(0, last, _STRIDE_WORDS)
    pieces = dict.fromkeys(tuple(numbers[start : start + PIECE_WORDS]) for start in starts)
    return [list(piece) for piece in pieces]


def open_classifier() -> Classifier:
    """Open the classifier that ships."""
    folder = files("safety.prompt_checks.classifier")
    return Classifier(
        words=WordVectors.read(folder.joinpath("words.npz").read_bytes()),
        network=Network.read(folder.joinpath("network.npz").read_bytes()),
    )
