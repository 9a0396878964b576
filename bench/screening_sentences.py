"""Makes the classifier's `sentences.txt`: plain prose without harm, out of WordNet's examples.

`python bench/screening_sentences.py FOLDER` reads WordNet 3.1's `data.*`, in `FOLDER`.
What the blocklist holds, or has a word that only the unsafe training texts have, is left out.
"""

import random
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from safety.prompt_checks.blocklist.check import BlocklistPromptCheck
from safety.prompt_checks.blocklist.lexicon import read_lexicon, shipped_rule_files

COUNT: Final = 9_000
SEED: Final = 20261129
TRAINING: Final = Path(__file__).parent.parent / "safety/prompt_checks/classifier/training"
TARGET: Final = TRAINING / "sentences.txt"
_EXAMPLE: Final = re.compile(r'"([^"]{12,90})"')
_WORD: Final = re.compile(r"[a-z]+")
_LICENCE: Final = "# Examples of WordNet 3.1, Copyright 2006 by Princeton University; see NOTICE.\n"


def examples(folder: Path) -> Iterator[str]:
    """Yield the examples of use that WordNet gives."""
    for part in ("noun", "verb", "adj", "adv"):
        text = (folder / f"data.{part}").read_text(encoding="utf-8")
        yield from _EXAMPLE.findall(text)


def _telling_words() -> set[str]:
    words = [
        set(_WORD.findall((TRAINING / name).read_text(encoding="utf-8").lower()))
        for name in ("unsafe.txt", "harmless.txt")
    ]
    return words[0] - words[1]


def main() -> int:
    """Make the file."""
    check = BlocklistPromptCheck(lexicon=read_lexicon(shipped_rule_files()))
    telling = _telling_words()
    plain = sorted(
        {
            sentence
            for sentence in examples(Path(sys.argv[1]))
            if telling.isdisjoint(_WORD.findall(sentence.lower())) and not check.check(sentence)
        }
    )
    chosen = sorted(random.Random(SEED).sample(plain, COUNT))  # noqa: S311 - not for secrets
    TARGET.write_text(_LICENCE + "\n".join(chosen) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
