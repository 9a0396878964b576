"""How well the prompt screen does on prompts nobody trained it on: recall, precision, disguises.

`python bench/screening.py` judges the sets of `bench/screening/` and writes `bench/screening.md`;
`--checks blocklist` judges with some of the checks only, `--misses` names what went wrong (for sets
under development; the evaluation set's misses are not read while rules are written).
"""

import argparse
import statistics
import sys
import time
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from safety.prompt_checks import open_prompt_check, open_prompt_checks
from safety.screen_prompt import screen_prompt
from safety.verdict import Outcome
from tests.unit.safety.disguises import DISGUISES

FOLDER = Path(__file__).with_suffix("")
TABLE = Path(__file__).with_suffix(".md")
POLICY_CATEGORIES = {"violence": "violence_gore", "gore": "violence_gore"}
# Disguises are made of Latin letters.
NO_LATIN = frozenset(["ar", "fa", "he", "hi", "ja", "zh", "ko", "th", "ru", "uk", "el"])


@dataclass(frozen=True, kw_only=True)
class Labelled:
    """One prompt and what it should come to."""

    text: str
    label: str
    category: str
    language: str
    manner: str


def read_set(path):
    """Read a labelled set."""
    heading = None
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("= "):
            heading = line[2:].split()
        elif line.strip() and not line.startswith("#"):
            label, category, language, manner = heading
            yield Labelled(
                text=line, label=label, category=category, language=language, manner=manner
            )


class Judge:
    """Judges prompts and remembers how long each took."""

    def __init__(self, checks):
        self._checks = checks
        self.times_ms = []

    def __call__(self, text):
        """Return what becomes of a prompt."""
        start = time.perf_counter()
        verdict = screen_prompt(text, checks=self._checks)
        self.times_ms.append((time.perf_counter() - start) * 1000)
        return verdict


def share(part, whole):
    """Return a share as text."""
    return f"{part}/{whole} ({100 * part / whole:.1f} %)" if whole else "none"


def rows_by(prompts, verdicts, key):
    """Count caught and blocked by a field of unsafe prompts."""
    groups = defaultdict(list)
    for prompt in prompts:
        if prompt.label == "unsafe":
            groups[getattr(prompt, key)].append(verdicts[prompt])
    for name, found in sorted(groups.items()):
        caught = sum(verdict.outcome is not Outcome.ALLOW for verdict in found)
        blocked = sum(verdict.outcome is Outcome.BLOCK for verdict in found)
        yield f"| {name} | {share(caught, len(found))} | {share(blocked, len(found))} |"


def category_rows(prompts, verdicts):
    """Tell, of each category, how much of it is held, and how much held as it is unsafe."""
    held, unsafe = defaultdict(list), defaultdict(list)
    for prompt in prompts:
        decisive = verdicts[prompt].decisive
        if decisive:
            held[decisive.category].append(prompt.label == "unsafe")
        if prompt.label == "unsafe":
            unsafe[POLICY_CATEGORIES.get(prompt.category, prompt.category)].append(bool(decisive))
    for category in sorted({*held, *unsafe}):
        found, right = unsafe[category], held[category]
        yield f"| {category} | {share(sum(found), len(found))} | {share(sum(right), len(right))} |"


def language_rows(prompts, verdicts):
    """Tell, of each language, how much that is unsafe is held, and how much held is unsafe."""
    groups = defaultdict(list)
    for prompt in prompts:
        groups[prompt.language].append((prompt.label == "unsafe", verdicts[prompt].decisive))
    for language, found in sorted(groups.items()):
        caught = sum(is_unsafe and decisive is not None for is_unsafe, decisive in found)
        unsafe = sum(is_unsafe for is_unsafe, _ in found)
        held = sum(decisive is not None for _, decisive in found)
        yield f"| {language} | {share(caught, unsafe)} | {share(caught, held)} |"


def kept_rows(prompts, judge):
    """Count how much of what is caught plainly is caught in each disguise."""
    plain = [
        prompt.text
        for prompt in prompts
        if prompt.label == "unsafe"
        and prompt.language not in NO_LATIN
        and judge(prompt.text).outcome is not Outcome.ALLOW
    ]
    shares = []
    for name, disguise in DISGUISES.items():
        kept = sum(judge(disguise(text)).outcome is not Outcome.ALLOW for text in plain)
        shares.append(kept / len(plain))
        yield f"| {name} | {share(kept, len(plain))} |"
    yield f"| mean | {100 * statistics.mean(shares):.1f} % |"


def harmless_row(name, label, prompts, verdicts):
    """Count what is blocked and touched of prompts that mean no harm."""
    found = [verdicts[prompt].outcome for prompt in prompts if prompt.label == label]
    blocked = sum(outcome is Outcome.BLOCK for outcome in found)
    touched = sum(outcome is not Outcome.ALLOW for outcome in found)
    return f"| {name} | {share(blocked, len(found))} | {share(touched, len(found))} |"


def unsafe_rows(prompts, verdicts):
    """Return the table of the unsafe prompts of a set; nothing if it has none."""
    unsafe = [verdicts[prompt].outcome for prompt in prompts if prompt.label == "unsafe"]
    if not unsafe:
        return []
    caught = sum(outcome is not Outcome.ALLOW for outcome in unsafe)
    blocked = sum(outcome is Outcome.BLOCK for outcome in unsafe)
    return [
        "| unsafe prompts | caught | of these blocked |",
        "|---|---|---|",
        f"| all | {share(caught, len(unsafe))} | {share(blocked, len(unsafe))} |",
        *rows_by(prompts, verdicts, "category"),
        "",
    ]


def short_report(name, prompts, judge):
    """Return the table of a set in short."""
    verdicts = {prompt: judge(prompt.text) for prompt in prompts}
    return "\n".join(
        [
            f"## {name}",
            "",
            *unsafe_rows(prompts, verdicts),
            "| harmless prompts | blocked | touched |",
            "|---|---|---|",
            harmless_row("everyday", "everyday", prompts, verdicts),
            harmless_row("sounds risky", "risky", prompts, verdicts),
            "",
        ]
    )


def report(prompts, judge, command):
    """Return the table."""
    verdicts = {prompt: judge(prompt.text) for prompt in prompts}
    times = sorted(judge.times_ms)
    return "\n".join(
        [
            "# What the prompt screen catches",
            "",
            f"`{command}`: prompts by hand, none of them trained on."
            " `bench/screening/README.md` tells why the numbers flatter.",
            "",
            f"## The evaluation set, {len(prompts)} prompts",
            "",
            *unsafe_rows(prompts, verdicts),
            "| manner | caught | of these blocked |",
            "|---|---|---|",
            *rows_by(prompts, verdicts, "manner"),
            "",
            "| language | held of what is unsafe | unsafe of what is held |",
            "|---|---|---|",
            *language_rows(prompts, verdicts),
            "",
            "| harmless prompts | blocked | touched |",
            "|---|---|---|",
            harmless_row("everyday", "everyday", prompts, verdicts),
            harmless_row("sounds risky", "risky", prompts, verdicts),
            "",
            "| category | held of what is unsafe | unsafe of what is held as it |",
            "|---|---|---|",
            *category_rows(prompts, verdicts),
            "",
            "| disguise | keeps of what plain text catches |",
            "|---|---|",
            *kept_rows(prompts, judge),
            "",
            f"A prompt takes {statistics.median(times):.1f} ms at the median,"
            f" {times[len(times) * 99 // 100]:.1f} ms at the 99th percentile, on one core.",
            "",
        ]
    )


def misses(prompts, judge):
    """Print what went wrong."""
    for prompt in prompts:
        decisive = judge(prompt.text).decisive
        if (decisive is None) == (prompt.label == "unsafe"):
            held = f"{decisive.check} {decisive.outcome} {decisive.rule}" if decisive else "allowed"
            print(f"{prompt.label} {prompt.category} {prompt.language} | {held} | {prompt.text}")


def main():
    """Judge a set."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--set", type=Path, default=FOLDER / "evaluation.txt")
    parser.add_argument("--checks", nargs="*", help="judge with these checks only")
    parser.add_argument("--misses", action="store_true")
    parser.add_argument("--print", action="store_true", help="print instead of writing the table")
    arguments = parser.parse_args()
    names = arguments.checks
    judge = Judge([open_prompt_check(name) for name in names] if names else open_prompt_checks())
    prompts = list(read_set(arguments.set))
    if arguments.misses:
        misses(prompts, judge)
        return
    text = report(prompts, judge, "python bench/screening.py")
    if not names:
        for name in ("fresh2", "fresh", "development", "harmless"):
            text += "\n" + short_report(
                f"The {name} set", list(read_set(FOLDER / f"{name}.txt")), judge
            )
    if arguments.print:
        print(text)
    else:
        TABLE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
