"""`impasto policy calibrate --set FILE`: how scores stand to the truth, as a table."""

import argparse
from collections.abc import Iterator, Sequence
from typing import Final

from backend.cli.guild_policy import read_document
from backend.cli.terminal import Subparsers, input_file, say
from backend.prompt.calibration import (
    BINS,
    EVERYDAY,
    RISKY,
    THRESHOLDS,
    UNSAFE,
    Case,
    Rates,
    Targets,
    histogram,
    rates,
    read_cases,
    recommend,
    with_score,
)
from backend.settings import Settings
from safety.policy import Policy
from safety.prompt_checks import open_prompt_checks, rules_version

_TRIED: Final = ("classifier_review", "classifier_doubt", "classifier_block")
_RATES: Final = (
    "unsafe caught | unsafe blocked | everyday blocked | everyday touched"
    " | risky blocked | risky touched"
)


def add_parser(actions: Subparsers) -> None:
    """Add the action to `impasto policy`."""
    parser = actions.add_parser("calibrate", help="tell how scores stand to a labelled set")
    parser.add_argument(
        "--set", type=input_file, nargs="+", required=True, metavar="FILE", help="labelled prompts"
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Look at every prompt of the sets once, and print the report."""
    policy = Settings().safety_policy
    checks = open_prompt_checks()
    cases = [case for path in arguments.set for case in read_cases(read_document(path), checks)]
    names = " ".join(str(path) for path in arguments.set)
    say("\n".join(_report(cases, policy, f"impasto policy calibrate --set {names}")))
    return 0


def _report(cases: Sequence[Case], policy: Policy, command: str) -> Iterator[str]:
    counts = ", ".join(
        f"{sum(case.label == label for case in cases)} {label}"
        for label in (UNSAFE, EVERYDAY, RISKY)
    )
    yield "# How the prompt checks' scores stand to the truth"
    yield ""
    yield f"`{command}`: {len(cases)} prompts ({counts}), policy `{policy.id}` {policy.version},"
    yield f"rules {rules_version()}. Every prompt was looked at once."
    yield from ("", "## What each check finds by itself", "")
    yield from _check_rows(cases, policy)
    yield from ("", "## The classifier's scores, and how many of them are right", "")
    yield from _histogram_rows(cases)
    yield from ("", "## The classifier alone, at thresholds", "")
    yield from _threshold_rows(cases)
    for name in _TRIED:
        yield from ("", f"## The whole screen at `{name}`", "")
        yield from _screen_rows(cases, policy, name)
    yield from ("", "## Recommended", "")
    yield from _recommended_rows(cases, policy, Targets())


def _check_rows(cases: Sequence[Case], policy: Policy) -> Iterator[str]:
    """Tell what each check finds of the unsafe prompts, and how many of all it finds are unsafe."""
    yield "A finding counts that the policy holds or blocks. Categories are the set's own."
    yield ""
    yield "| check | category | unsafe prompts found |"
    yield "|---|---|---|"
    names = sorted({finding.check for case in cases for finding in case.findings})
    held = {id(case): _held_by(case, policy) for case in cases}
    for name in names:
        for category in sorted({case.category for case in cases if case.label == UNSAFE}):
            of_it = [one for one in cases if one.label == UNSAFE and one.category == category]
            found = sum(name in held[id(one)] for one in of_it)
            yield f"| {name} | {category} | {_share(found, len(of_it))} |"
        found_by = [case for case in cases if name in held[id(case)]]
        right = sum(case.label == UNSAFE for case in found_by)
        yield f"| {name} | of all it finds, unsafe | {_share(right, len(found_by))} |"


def _held_by(case: Case, policy: Policy) -> set[str]:
    return {one.check for one in policy.judge(case.findings) if one.outcome.is_held}


def _histogram_rows(cases: Sequence[Case]) -> Iterator[str]:
    groups = {
        **{label: [one for one in cases if one.label == label] for label in (EVERYDAY, RISKY)},
        **{
            category: [one for one in cases if one.label == UNSAFE and one.category == category]
            for category in sorted({one.category for one in cases if one.label == UNSAFE})
        },
    }
    edges = [f"{number / BINS:.1f}" for number in range(BINS)]
    yield f"| score from | {' | '.join(edges)} |"
    yield f"|---|{'---|' * BINS}"
    for name, group in groups.items():
        yield f"| {name} | {' | '.join(map(str, histogram(one.score for one in group)))} |"
    whole = histogram(case.score for case in cases)
    unsafe = histogram(case.score for case in cases if case.label == UNSAFE)
    shares = [
        f"{100 * part / of:.0f} %" if of else "" for part, of in zip(unsafe, whole, strict=True)
    ]
    yield f"| unsafe of all | {' | '.join(shares)} |"


def _threshold_rows(cases: Sequence[Case]) -> Iterator[str]:
    categories = sorted({case.category for case in cases if case.label == UNSAFE})
    yield f"| at | precision | recall | everyday | risky | {' | '.join(categories)} |"
    yield f"|---|{'---|' * (4 + len(categories))}"
    for threshold in THRESHOLDS:
        found = [case for case in cases if case.score >= threshold]
        right = sum(case.label == UNSAFE for case in found)
        columns = [_share_of(cases, threshold, label) for label in (UNSAFE, EVERYDAY, RISKY)]
        recalls = [_share_of(cases, threshold, UNSAFE, category) for category in categories]
        precision = _percent(right / len(found)) if found else ""
        yield f"| {threshold:g} | {' | '.join([precision, *columns, *recalls])} |"


def _share_of(cases: Sequence[Case], threshold: float, label: str, category: str = "") -> str:
    group = [case for case in cases if case.label == label and category in ("", case.category)]
    found = sum(case.score >= threshold for case in group)
    return _percent(found / len(group)) if group else ""


def _screen_rows(cases: Sequence[Case], policy: Policy, name: str) -> Iterator[str]:
    yield f"| at | {_RATES} |"
    yield f"|---|{'---|' * 6}"
    for threshold in THRESHOLDS:
        tried = rates(cases, with_score(policy, name, threshold))
        yield f"| {threshold:g} | {_rate_columns(tried)} |"
    in_force = getattr(policy, f"{name}_score")
    yield f"| **{in_force:g}** (in force) | {_rate_columns(rates(cases, policy))} |"


def _recommended_rows(cases: Sequence[Case], policy: Policy, targets: Targets) -> Iterator[str]:
    yield (
        f"The lowest threshold with which, all else as in force, everyday prompts are blocked in at"
        f" most {_percent(targets.everyday_blocked)}, risky ones blocked in at most"
        f" {_percent(targets.risky_blocked)} and touched in at most"
        f" {_percent(targets.risky_touched)}."
    )
    yield ""
    yield f"| score | in force | recommended | {_RATES} |"
    yield f"|---|---|---|{'---|' * 6}"
    for name in _TRIED:
        found = recommend(cases, policy, name, targets)
        best = "none" if found.threshold is None else f"{found.threshold:g}"
        in_force = getattr(policy, f"{name}_score")
        yield f"| `{name}` | {in_force:g} | {best} | {_rate_columns(found.rates)} |"


def _rate_columns(found: Rates) -> str:
    return " | ".join(
        map(
            _percent,
            (
                found.unsafe_caught,
                found.unsafe_blocked,
                found.everyday_blocked,
                found.everyday_touched,
                found.risky_blocked,
                found.risky_touched,
            ),
        )
    )


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _share(part: int, whole: int) -> str:
    return f"{part}/{whole} ({_percent(part / whole)})" if whole else "none"
