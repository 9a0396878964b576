"""`impasto models list`: which models are drawn with, and what to install instead of a starter."""

import argparse
import json
from collections.abc import Iterator, Sequence
from itertools import zip_longest
from typing import Final

from backend.cli.model_report import (
    CompanionReport,
    ModelReport,
    look_at_companions,
    look_at_models,
)
from backend.cli.terminal import say
from backend.models.folders import FolderFacts
from backend.models.production import PRODUCTION_MODELS
from backend.settings import Settings

COLUMNS: Final = (
    "family",
    "model",
    "served",
    "parameters",
    "disk",
    "side",
    "steps",
    "guidance",
    "sampler",
    "licence",
)
NOTES: Final = (
    "A diffusers folder does as well as a hub id:",
    "    export IMPASTO_MODEL_SDXL=/models/stable-diffusion-xl-base-1.0",
    "Before the hub gives SD3.5 and FLUX.1, accept their terms there and set HF_TOKEN.",
    "Once a model is configured, only configured families are served; "
    "IMPASTO_FAMILIES chooses others.",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    listing = actions.add_parser("list", help="list each family's model, and what to install")
    listing.add_argument("--json", action="store_true", help="print one JSON object")
    listing.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """List the models; exit 1 if one cannot be drawn with."""
    reports = list(look_at_models(Settings()))
    companions = list(look_at_companions())
    if arguments.json:
        say(json.dumps(describe(reports, companions)))
    else:
        for line in render(reports, companions):
            say(line)
    problems = [report.problem for report in reports] + [each.problem for each in companions]
    return 1 if any(problems) else 0


def describe(
    reports: Sequence[ModelReport], companions: Sequence[CompanionReport]
) -> dict[str, object]:
    """Describe all models for `--json`."""
    return {
        "models": [_describe_model(report) for report in reports],
        "companions": [
            {
                "kind": companion.kind,
                "name": companion.folder.name,
                "folder": str(companion.folder),
                **_describe_facts(companion.facts),
                "problem": companion.problem or None,
            }
            for companion in companions
        ],
    }


def _describe_model(report: ModelReport) -> dict[str, object]:
    facts = report.facts
    return {
        "family": report.family.value,
        "is_served": report.is_served,
        "setting": report.setting,
        "configured": report.configured,
        "source": _source(report),
        "is_starter": report.is_starter,
        "folder": None if report.folder is None else str(report.folder),
        **_describe_facts(facts),
        "native_side": facts and facts.native_side,
        "steps": facts and facts.steps,
        "guidance": facts and facts.guidance,
        "sampler": facts and facts.sampler,
        "problem": report.problem or None,
        "install": [
            {
                "name": model.name,
                "licence": model.licence,
                "hub_id": model.hub_id,
                "line": _setting_line(report.setting, model.hub_id),
            }
            for model in (PRODUCTION_MODELS[report.family] if _wants_more(report) else ())
        ],
    }


def _describe_facts(facts: FolderFacts | None) -> dict[str, object]:
    return {
        "title": facts and facts.title,
        "licence": facts and facts.licence,
        "parameters": facts and facts.parameters,
        "size_bytes": facts and facts.size_bytes,
    }


def _source(report: ModelReport) -> str:
    if report.configured is not None:
        return "hub" if report.is_hub_id else "folder"
    return "starter" if report.is_starter else "none"


def _wants_more(report: ModelReport) -> bool:
    """Tell whether the family has a starter model, or nothing."""
    return report.is_starter or report.configured is None


def render(reports: Sequence[ModelReport], companions: Sequence[CompanionReport]) -> Iterator[str]:
    """Say all this to people, line by line."""
    yield from _table([COLUMNS, *(_row(report) for report in reports)])
    yield ""
    for report in reports:
        if report.folder is not None or report.is_hub_id:
            yield f"{report.family}: {_whereabouts(report)}"
        if report.problem:
            yield f"    problem: {report.problem}"
            yield f"    → {report.fix}"
    for companion in companions:
        yield f"{companion.folder.name}: {companion.problem or _companion_facts(companion)}"
    wanting = [report for report in reports if _wants_more(report)]
    for report in wanting:
        yield ""
        yield from _advice(report)
    if wanting:
        yield ""
        yield from NOTES


def _table(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    widths = [max(map(len, column)) for column in zip_longest(*rows, fillvalue="")]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def _row(report: ModelReport) -> tuple[str, ...]:
    facts = report.facts
    shown: Sequence[object] = ("-",) * 7
    if facts is not None:
        usual = (facts.steps, facts.guidance, facts.sampler)
        shown = (
            _count(facts.parameters),
            _bytes(facts.size_bytes),
            facts.native_side or "-",
            *("usual" if value is None else value for value in usual),
            facts.licence or "-",
        )
    served = "yes" if report.is_served else "no"
    return (report.family.value, _source(report), served, *map(str, shown))


def _whereabouts(report: ModelReport) -> str:
    if report.is_hub_id:
        return f"hub id {report.configured}, fetched by the worker; not looked into here"
    title = f"{report.facts.title}, " if report.facts else ""
    return f"{title}{report.folder}"


def _companion_facts(companion: CompanionReport) -> str:
    facts = companion.facts
    if facts is None:
        return str(companion.folder)
    size = f"{_count(facts.parameters)} parameters, {_bytes(facts.size_bytes)}"
    return f"{companion.kind}, {size}, {facts.licence or 'no licence named'}"


def _advice(report: ModelReport) -> Iterator[str]:
    state = (
        "is a starter model: small pictures of the few things its card names."
        if report.is_starter
        else "has no model."
    )
    yield f"{report.family} {state} For production install"
    for model in PRODUCTION_MODELS[report.family]:
        yield f"  {model.name} ({model.licence}):"
        yield f"    {_setting_line(report.setting, model.hub_id)}"


def _count(number: int) -> str:
    return f"{number / 1e9:.1f} B" if number >= 1e9 else f"{number / 1e6:.1f} M"


def _bytes(number: int) -> str:
    return f"{number / 1e9:.1f} GB" if number >= 1e9 else f"{number / 1e6:.1f} MB"


def _setting_line(setting: str, source: str) -> str:
    return f"export {setting}={source}"
