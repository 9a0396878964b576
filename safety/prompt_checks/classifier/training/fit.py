"""Teaches the network; `python -m safety.prompt_checks.classifier.training.fit` writes it.

One core, some four minutes, the same numbers for the same seeds. `--hold-out SOURCE` teaches
without the families of one source and says how it does on them, which is the honest measure of it.
"""

import argparse
import random
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from safety.policy import DEFAULT_POLICY
from safety.prompt_checks.classifier.network import (
    ANSWERS,
    ANY,
    CATEGORIES,
    END_GAPS,
    PIECE_WORDS,
    WIDTHS,
    Floats,
    Network,
    WordVectors,
    means,
    open_classifier,
    windows,
)
from safety.prompt_checks.classifier.training.grammar import (
    FILES,
    Family,
    read_combinations,
    read_families,
    read_list,
    read_phrases,
    read_sentences,
)

Weights = dict[str, Floats]
Numbers = NDArray[np.int64]

TARGET: Final = Path(__file__).parent.parent / "network.npz"
# A network a seed; they judge together.
SEEDS: Final = (20261129, 20261130)
SIGNS: Final = {1: 64, 3: 96, 5: 64}
EPOCHS: Final = 3
BATCH: Final = 64
RATE: Final = 0.01
WEIGHT_DECAY: Final = 0.02
DRAWN: Final = {"everyday": 1_800, "risky": 700}
DRAWN_UNSAFE: Final = 250
# Of a family of another language than English, whose heading is that language.
DRAWN_ABROAD: Final = 110
HELD_SCORE: Final = DEFAULT_POLICY.classifier_review_score
LANGUAGE_LETTERS: Final = 2
WORD_SALADS: Final = 5_000
# How often a word is taken for one of its neighbours, left out, or followed by a word of style.
NEIGHBOUR_SHARE: Final = 0.15
DROPPED_SHARE: Final = 0.04
STYLED_SHARE: Final = 0.4
TOLD_SHARE: Final = 0.5
ASKED_SHARE: Final = 0.25
BEHIND_SHARE: Final = 0.7
PHRASE_DRAWS: Final = 4
COMBINATION_DRAWS: Final = 120
NEIGHBOURS: Final = 8
NOISE: Final = 0.03
# How much of what is seen is left out at each step, so that nothing hangs on one sign.
FORGOTTEN_SHARE: Final = 0.4


@dataclass(kw_only=True)
class Examples:
    """Texts as word numbers, and the categories each belongs to; none for the harmless."""

    numbers: list[list[int]] = field(default_factory=list)
    categories: list[str] = field(default_factory=list)

    def add(self, numbers: list[int], category: str) -> None:
        """Append a text, unless it has no words."""
        if numbers:
            self.numbers.append(numbers[:PIECE_WORDS])
            self.categories.append(category)

    def targets(self) -> Floats:
        """Return a row a text with one for its category, and for being of any."""
        rows = np.zeros((len(self.categories), len(ANSWERS)), dtype=np.float32)
        for row, category in zip(rows, self.categories, strict=True):
            if category in CATEGORIES:
                row[ANSWERS.index(category)] = row[ANSWERS.index(ANY)] = 1
        return rows


def draw(families: Sequence[Family], words: WordVectors, *, seed: int) -> Examples:
    """Draw examples from families, many with a request, words of style or a sentence beside."""
    source = random.Random(seed)  # noqa: S311 - not for secrets
    styles = read_list("style", "harmless.txt")
    requests = read_list("request", "lookalikes.txt")
    sentences = read_sentences()
    gap = len(words.vectors) - 1
    examples = Examples()
    for family in families:
        drawn = {family.draw(source) for _ in range(_draws(family))}
        for text in sorted(drawn):
            beside = ""
            if source.random() < STYLED_SHARE:
                beside = ", ".join(source.choices(styles, k=source.randint(1, 7)))
            elif source.random() < TOLD_SHARE:
                beside = source.choice(sentences)
            is_behind = source.random() < BEHIND_SHARE
            first, second = (text, beside) if is_behind else (beside, text)
            if source.random() < ASKED_SHARE:
                first = f"{source.choice(requests)} {first}"
            numbers = [*words.look_up(first), gap, *words.look_up(second)]
            examples.add(numbers, family.category)
    return examples


def _draws(family: Family) -> int:
    is_abroad = len(family.name) == LANGUAGE_LETTERS
    return DRAWN_ABROAD if is_abroad else DRAWN.get(family.category, DRAWN_UNSAFE)


def add_phrases(examples: Examples, words: WordVectors, *, seed: int) -> None:
    """Add what the rule files list: phrases to hold, and harmless ones that sound like them."""
    source = random.Random(seed)  # noqa: S311 - not for secrets
    for category, phrase in read_phrases():
        for _ in range(min(PHRASE_DRAWS, 1 + phrase.count("|"))):
            examples.add(words.look_up(_draw_phrase(phrase, source)), category)
    for category, sets in read_combinations():
        for _ in range(COMBINATION_DRAWS):
            drawn = " ".join(_draw_phrase(source.choice(phrases), source) for phrases in sets)
            examples.add(words.look_up(drawn), category)


def _draw_phrase(phrase: str, source: random.Random) -> str:
    return " ".join(source.choice(part.split("|")) for part in phrase.split()).replace("*", "")


def add_sentences(examples: Examples, words: WordVectors) -> None:
    """Add plain prose as harmless."""
    for sentence in read_sentences():
        examples.add(words.look_up(sentence), "everyday")


def add_word_salads(examples: Examples, words: WordVectors, *, seed: int) -> None:
    """Add words by chance as harmless: most words are."""
    source = random.Random(seed)  # noqa: S311 - not for secrets
    count = len(words.vectors) - 1
    for _ in range(WORD_SALADS):
        size = source.randint(2, 14)
        examples.add([source.randrange(count) for _ in range(size)], "everyday")


def neighbours(words: WordVectors, numbers: Sequence[int]) -> Numbers:
    """Return a row a word: those nearest in meaning, of any language, to each of some words."""
    matrix = words.vectors[:-1]
    near = np.repeat(np.arange(len(words.vectors))[:, None], NEIGHBOURS, axis=1)
    for start in range(0, len(numbers), 256):
        batch = list(numbers[start : start + 256])
        alike = matrix[batch] @ matrix.T
        near[batch] = np.argpartition(-alike, NEIGHBOURS, axis=1)[:, :NEIGHBOURS]
    return near


class Teacher:
    """Adam over the network's weights, batch by batch."""

    def __init__(self, words: WordVectors, *, seed: int) -> None:
        self._words = words
        self._chance = np.random.default_rng(seed)
        size = words.vectors.shape[1]
        self.weights = self._first_weights(size)
        self._means = {name: np.zeros_like(value) for name, value in self.weights.items()}
        self._squares = {name: np.zeros_like(value) for name, value in self.weights.items()}
        self._steps = 0
        self._near = np.zeros((0, NEIGHBOURS), dtype=np.int64)

    def _first_weights(self, size: int) -> Weights:
        weights: Weights = {}
        for width in WIDTHS:
            shape = (width * size, SIGNS[width])
            spread = np.sqrt(2 / (width * size)) * 3
            weights[f"w{width}"] = self._chance.normal(0, spread, shape).astype(np.float32)
            weights[f"b{width}"] = np.zeros(SIGNS[width], dtype=np.float32)
        shape = (sum(SIGNS.values()) + size, len(ANSWERS))
        weights["w_answer"] = self._chance.normal(0, 0.05, shape).astype(np.float32)
        weights["b_answer"] = np.full(len(ANSWERS), -2, dtype=np.float32)
        return weights

    def teach(self, examples: Examples) -> None:
        """Go through the examples `EPOCHS` times."""
        used = sorted({number for numbers in examples.numbers for number in numbers})
        gap = len(self._words.vectors) - 1
        self._near = neighbours(self._words, [number for number in used if number != gap])
        targets = examples.targets()
        total = EPOCHS * (len(targets) // BATCH)
        for _ in range(EPOCHS):
            order = self._chance.permutation(len(targets))
            for start in range(0, len(order) - BATCH + 1, BATCH):
                chosen = order[start : start + BATCH]
                vectors = self._vectors([examples.numbers[number] for number in chosen])
                slopes = self._slopes(vectors, targets[chosen])
                self._step(slopes, RATE * (1 - self._steps / (total + 1)))

    def _vectors(self, texts: list[list[int]]) -> Floats:
        longest = max(len(numbers) for numbers in texts) + END_GAPS
        gap = len(self._words.vectors) - 1
        grid = np.full((len(texts), longest), gap)
        for row, numbers in zip(grid, texts, strict=True):
            row[: len(numbers)] = numbers
        chance = self._chance.random(grid.shape, dtype=np.float32)
        taken = self._chance.integers(NEIGHBOURS, size=grid.shape)
        is_other = (chance > DROPPED_SHARE) & (chance < DROPPED_SHARE + NEIGHBOUR_SHARE)
        grid = np.where(is_other, self._near[grid, taken], grid)
        grid[chance < DROPPED_SHARE] = gap
        vectors = self._words.vectors[grid]
        noise = self._chance.standard_normal(vectors.shape, dtype=np.float32) * NOISE
        return np.asarray(vectors + noise * (grid != gap)[..., None], dtype=np.float32)

    def _slopes(self, vectors: Floats, targets: Floats) -> Weights:
        """Return the slope of the loss in each weight: cross entropy, the mean over the batch."""
        count, length = vectors.shape[:2]
        seen, signs, peaks = {}, [], {}
        for width in WIDTHS:
            seen[width] = windows(vectors, width)
            active = np.maximum(
                seen[width] @ self.weights[f"w{width}"] + self.weights[f"b{width}"], 0
            )
            peaks[width] = active.argmax(axis=1)
            signs.append(active.max(axis=1))
        hidden = np.concatenate([*signs, means(vectors)], axis=1)
        kept = (self._chance.random(hidden.shape, dtype=np.float32) >= FORGOTTEN_SHARE) / (
            1 - FORGOTTEN_SHARE
        )
        hidden = (hidden * kept).astype(np.float32)
        logits = hidden @ self.weights["w_answer"] + self.weights["b_answer"]
        error = (1 / (1 + np.exp(-logits)) - targets) / count
        slopes: Weights = {"w_answer": hidden.T @ error, "b_answer": error.sum(axis=0)}
        back = (error @ self.weights["w_answer"].T) * kept
        start = 0
        for width, sign in zip(WIDTHS, signs, strict=True):
            part = back[:, start : start + SIGNS[width]] * (sign > 0)
            start += SIGNS[width]
            rows = np.zeros((count, length, SIGNS[width]), dtype=np.float32)
            np.put_along_axis(rows, peaks[width][:, None, :], part[:, None, :], axis=1)
            flat = seen[width].reshape(-1, seen[width].shape[2])
            slopes[f"w{width}"] = flat.T @ rows.reshape(-1, SIGNS[width])
            slopes[f"b{width}"] = part.sum(axis=0)
        return slopes

    def _step(self, slopes: Weights, rate: float) -> None:
        self._steps += 1
        for name, slope in slopes.items():
            self._means[name] = 0.9 * self._means[name] + 0.1 * slope
            self._squares[name] = 0.999 * self._squares[name] + 0.001 * slope**2
            mean = self._means[name] / (1 - 0.9**self._steps)
            square = self._squares[name] / (1 - 0.999**self._steps)
            decay = WEIGHT_DECAY if name.startswith("w") else 0
            moved = mean / (np.sqrt(square) + 1e-8) + decay * self.weights[name]
            self.weights[name] = (self.weights[name] - rate * moved).astype(np.float32)


def learn(families: Sequence[Family], words: WordVectors, *, seed: int = SEEDS[0]) -> Weights:
    """Return the weights of a network taught on families."""
    examples = draw(families, words, seed=seed)
    add_phrases(examples, words, seed=seed)
    add_sentences(examples, words)
    add_word_salads(examples, words, seed=seed)
    teacher = Teacher(words, seed=seed)
    teacher.teach(examples)
    return teacher.weights


def together(all_weights: Sequence[Weights]) -> Weights:
    """Return one network that answers with the mean of what several would, before it is squashed.

    Their signs stand side by side; of the rows that weigh the mean of all vectors one is left.
    """
    count = len(all_weights)
    joined: Weights = {"b_answer": _mean([weights["b_answer"] for weights in all_weights])}
    rows: list[Floats] = []
    start = 0
    for width in WIDTHS:
        for name, axis in ((f"w{width}", 1), (f"b{width}", 0)):
            joined[name] = np.concatenate([weights[name] for weights in all_weights], axis=axis)
        end = start + SIGNS[width]
        rows += [
            np.asarray(weights["w_answer"][start:end] / count, dtype=np.float32)
            for weights in all_weights
        ]
        start = end
    rows.append(_mean([weights["w_answer"][start:] for weights in all_weights]))
    joined["w_answer"] = np.concatenate(rows)
    return joined


def _mean(values: Sequence[Floats]) -> Floats:
    return np.asarray(np.mean(values, axis=0), dtype=np.float32)


def digest() -> NDArray[np.uint8]:
    """Return a SHA-256 of what a network is made of: scripts, training texts and word vectors."""
    here = Path(__file__).parent
    names = ("fit.py", "grammar.py", "sentences.txt", "../words.npz", *FILES)
    content = b"".join((here / name).read_bytes() for name in names)
    return np.frombuffer(sha256(content).digest(), dtype=np.uint8)


def save(weights: Weights, target: Path) -> None:
    """Write weights as half floats, and what they are made of."""
    halves = {name: value.astype(np.float16) for name, value in weights.items()}
    # The stub takes any keyword for `allow_pickle`.
    np.savez(target, made_of=digest(), **halves)  # type: ignore[arg-type]


def held_out(families: Sequence[Family], words: WordVectors, source: str) -> Iterator[str]:
    """Teach without the families of one source and yield, line by line, how they are judged."""
    taught = [family for family in families if family.name != source]
    weights = learn(taught, words)
    layers = tuple((weights[f"w{width}"], weights[f"b{width}"]) for width in WIDTHS)
    network = Network(layers=layers, answer=(weights["w_answer"], weights["b_answer"]))
    for family in families:
        if family.name == source:
            drawn = draw([family], words, seed=SEEDS[0] + 1)
            scores = [network.judge(words.vectors[numbers])[-1] for numbers in drawn.numbers]
            held = float(np.mean([score >= HELD_SCORE for score in scores]))
            yield f"{family.category:12} {family.name:12} {held:6.1%}"


def main() -> int:
    """Make the file, or say how well that goes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hold-out", metavar="SOURCE", help="told, tags, hinted, es, body …")
    arguments = parser.parse_args()
    folder = Path(__file__).parent.parent
    words = WordVectors.read((folder / "words.npz").read_bytes())
    families = read_families()
    if arguments.hold_out:
        for line in held_out(families, words, arguments.hold_out):
            sys.stdout.write(f"{line}\n")
        return 0
    save(together([learn(families, words, seed=seed) for seed in SEEDS]), TARGET)
    open_classifier()
    return 0


if __name__ == "__main__":
    sys.exit(main())
