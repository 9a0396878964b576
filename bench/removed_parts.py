"""Whether parts of removed pictures belong on the block list: what is found then, and what else.

`python bench/removed_parts.py` writes `bench/removed_parts.md`. Cut copies of pictures are looked
up in a list of whole pictures and in one that has their parts too, *as drawn* (whole, 8 ways round,
as a worker looks) and *as an upload* (in parts too). What else is taken for one is counted among
the hashes that `fingerprints.py recall` has kept of its pictures and all their parts.
"""

import argparse
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from random import Random

import numpy as np
from fingerprints_pictures import _cut, _of_parts, _pictures
from fingerprints_table import _are_related
from PIL import Image
from watermark import rows_of

from safety.fingerprint import MATCH_DISTANCE, crops, dihedrals, fingerprint

PAGE = Path(__file__).with_suffix(".md")
SHARES = (0.95, 0.9, 0.8)
SIDE_PX = 320
# How looked up, and in which list.
WAYS = tuple(
    (way, has_parts) for way in ("as drawn", "as an upload") for has_parts in (False, True)
)


def main() -> None:
    """Measure, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--each", type=int, default=16, help="pictures of each of three kinds")
    parser.add_argument("--pictures", type=Path, default=Path("~/.cache/impasto-watermark"))
    parser.add_argument("--cache", type=Path, default=Path("~/.cache/impasto-fingerprints"))
    arguments = parser.parse_args()
    pictures, found = recall(arguments.pictures.expanduser(), arguments.each)
    pairs, wrong = false_matches(rows_of(arguments.cache.expanduser() / "recall.jsonl"))
    PAGE.write_text(render(pictures, found, pairs, wrong), encoding="utf-8")


def recall(folder: Path, each: int) -> tuple[int, Counter]:
    """Return how many pictures were cut, and how many copies are found, by way and share."""
    found: Counter = Counter()
    count = 0
    for name, picture in _telling(folder, each):
        count += 1
        own = fingerprint(picture)
        listed = {False: _bits([own]), True: _bits([own, *map(fingerprint, crops(picture))])}
        random = Random(name)  # noqa: S311 repeatable on purpose
        for share in SHARES:
            copy = _cut(picture, share, random.random(), random.random())
            asked = {"as drawn": _bits(dihedrals(copy)), "as an upload": _bits(_of_parts(copy))}
            for way, has_parts in WAYS:
                found[way, has_parts, share] += _is_near(asked[way], listed[has_parts])
    return count, found


def false_matches(rows: list[dict]) -> tuple[int, Counter]:
    """Return how many pairs of unrelated pictures there are, and how many match, by way."""
    told = [row for row in rows if "asked" in row]
    whole = [_of_hex([row["hash"]]) for row in told]
    parts = [_of_hex(row["asked"]) for row in told]
    wrong: Counter = Counter()
    pairs = 0
    for one, row in enumerate(told):
        for other, listed in enumerate(told):
            if _are_related(row, listed):
                continue
            pairs += 1
            # Parts are kept in all ways round, so what is asked whole needs no turning.
            wrong["as drawn", False] += _is_near(parts[one][:8], whole[other])
            wrong["as drawn", True] += _is_near(whole[one], parts[other])
            wrong["as an upload", False] += _is_near(parts[one], whole[other])
            wrong["as an upload", True] += _is_near(parts[one], parts[other])
    return pairs, wrong


def _telling(folder: Path, each: int) -> Iterator[tuple[str, Image.Image]]:
    """Yield the pictures that are looked up at all."""
    for _, name, take in _pictures(folder, each):
        picture = take()
        picture.thumbnail((SIDE_PX, SIDE_PX))
        if fingerprint(picture).is_telling:
            yield name, picture


def _bits(prints) -> np.ndarray:
    return _of_hex([one.hex for one in prints if one.is_telling])


def _of_hex(hashes: list[str]) -> np.ndarray:
    return np.frombuffer(bytes.fromhex("".join(hashes)), np.uint64).reshape(-1, 4)


def _is_near(asked: np.ndarray, listed: np.ndarray) -> bool:
    if not (len(asked) and len(listed)):
        return False
    differing = np.bitwise_count(asked[:, None, :] ^ listed[None, :, :]).sum(axis=2)
    return bool(differing.min() <= MATCH_DISTANCE)


def render(pictures: int, found: Counter, pairs: int, wrong: Counter) -> str:
    """Return the page."""
    titles = [f"{way}, {'with parts' if has_parts else 'whole'}" for way, has_parts in WAYS]
    lines = [
        "# Parts of removed pictures",
        "",
        "Made by `python bench/removed_parts.py`; its head says how. The list has whole pictures,",
        f"or their parts too. {pictures} pictures were cut, each anywhere.",
        "",
        f"| | {' | '.join(titles)} |",
        "|---|---|---|---|---|",
    ]
    for share in SHARES:
        shares = [f"{found[way, has_parts, share] / pictures:.2f}" for way, has_parts in WAYS]
        lines.append(f"| found when cut to {share:.0%} of each side | {' | '.join(shares)} |")
    counts = [str(wrong[way]) for way in WAYS]
    lines.append(f"| taken for a copy, of {pairs:,} unrelated pairs | {' | '.join(counts)} |")
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    main()
