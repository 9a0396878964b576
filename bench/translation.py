"""How well prompts are translated, and how fast: `python -m bench.translation`.

A hundred everyday prompts in ten languages with what they mean, in `bench/translation/`. chrF and
BLEU are sacrebleu's, over all prompts of a language; "untranslated" is the chrF of the prompts as
typed. The language is guessed as a prompt's is.
"""

import argparse
import statistics
import time
from pathlib import Path

from sacrebleu.metrics import BLEU, CHRF

from backend.domain.languages import language_name
from backend.prompt.language import LanguageGuess
from backend.prompt.translator import Translator
from backend.prompt.translators import open_translator
from backend.settings import Settings

PROMPTS = Path(__file__).parent / "translation/prompts.tsv"


def read() -> dict[str, list[tuple[str, str]]]:
    """Return the prompts and their meanings by language."""
    found: dict[str, list[tuple[str, str]]] = {}
    for line in PROMPTS.read_text(encoding="utf-8").splitlines():
        language, prompt, meaning = line.split("\t")
        found.setdefault(language, []).append((prompt, meaning))
    return found


def scores(english: list[str], meanings: list[str]) -> tuple[float, float]:
    """Return chrF and BLEU."""
    return (
        CHRF().corpus_score(english, [meanings]).score,
        BLEU(effective_order=True).corpus_score(english, [meanings]).score,
    )


def timed(
    translator: Translator, prompts: list[str], language: str
) -> tuple[list[str], list[float]]:
    """Translate one by one; return the translations and the milliseconds each took."""
    english, times = [], []
    translator.translate(prompts[:1], language=language)
    for prompt in prompts:
        begun = time.perf_counter()
        english += translator.translate([prompt], language=language)
        times.append(1000 * (time.perf_counter() - begun))
    return english, times


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--show", action="store_true", help="print every translation")
    arguments = parser.parse_args()
    chosen = Settings().translator_settings
    if chosen is None:
        raise SystemExit("IMPASTO_TRANSLATOR is none: nothing to measure.")
    translator, guess = open_translator(chosen), LanguageGuess()
    print("| language | language guessed | untranslated chrF | chrF | BLEU | median ms |")
    print("|---|---|---|---|---|---|")
    everything: tuple[list[str], list[str], list[str], list[float]] = ([], [], [], [])
    right_in_all = 0
    for language, rows in read().items():
        prompts, meanings = [row[0] for row in rows], [row[1] for row in rows]
        english, times = timed(translator, prompts, language)
        right = sum(guess(prompt) == language for prompt in prompts)
        right_in_all += right
        for total, more in zip(everything, (prompts, meanings, english, times), strict=True):
            total.extend(more)  # type: ignore[arg-type]  # each list gets its own kind
        _row(language_name(language), right, prompts, meanings, english, times)
        if arguments.show:
            print(*(f"    {one}" for one in english), sep="\n")
    _row("**all**", right_in_all, *everything[:3], everything[3])


def _row(name, right, prompts, meanings, english, times) -> None:
    chrf, bleu = scores(english, meanings)
    before = scores(prompts, meanings)[0]
    print(
        f"| {name} | {right} of {len(prompts)} | {before:.1f} | {chrf:.1f} | {bleu:.1f} "
        f"| {statistics.median(times):.2f} |"
    )


if __name__ == "__main__":
    main()
