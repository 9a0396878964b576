"""`impasto simulate TRACE|--synthetic`: replay a trace with the line of production, and others."""

import argparse
import csv
import gzip
import json
import time
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from backend.cli.terminal import BadUsage, input_file, say, show_progress
from backend.domain.errors import BadInput
from backend.domain.families import ModelFamily
from backend.scheduling.replay.compare import PolicyFigures, compare
from backend.scheduling.replay.page import make_page
from backend.scheduling.replay.policies import PolicyName
from backend.scheduling.replay.production import (
    is_production_log,
    overlay_evenings,
    read_production_log,
)
from backend.scheduling.replay.synthetic import Asked, as_trace, busy_evening
from backend.scheduling.replay.trace import Arrival, BadTrace, read_trace, rescale, write_trace
from backend.scheduling.rules import FairRules, plain_stride

JOBS_DEFAULT: Final = 200_000
LOAD_DEFAULT: Final = 0.85
UNREADABLE: Final = (
    BadTrace,
    UnicodeDecodeError,
    csv.Error,
    gzip.BadGzipFile,
    zlib.error,
    EOFError,
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    parser.add_argument(
        "trace",
        nargs="?",
        type=input_file,
        help="CSV with arrival_s,user,tier,family,gpu_s,images,adapter; or a GenTD26 request log",
    )
    parser.add_argument("--synthetic", action="store_true", help="make a trace like production's")
    parser.add_argument("--load", type=float, help="rescale arrivals to this load (1 is all GPUs)")
    parser.add_argument(
        "--gpus",
        default="sdxl=20,sd3=10,flux=10",
        help="GPUs of each family (sdxl=20,sd3=10,flux=10)",
    )
    parser.add_argument(
        "--policy",
        default="ours,fifo,round_robin,strict,weighted_random",
        help="what to compare, separated by commas (all)",
    )
    parser.add_argument("--jobs", type=int, default=JOBS_DEFAULT, help="jobs to make")
    parser.add_argument("--seed", type=int, default=0, help="what a trace is made from (0)")
    parser.add_argument(
        "--weights-only", action="store_true", help="ours without reserves and promotion"
    )
    parser.add_argument("--html", type=Path, help="write a page with table and plots here")
    parser.add_argument("--write-trace", type=Path, help="write the replayed trace here")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Replay and print."""
    gpus = read_gpus(arguments.gpus)
    policies = read_policies(arguments.policy)
    arrivals = make_arrivals(arguments, gpus)
    if arguments.write_trace:
        write_trace(arguments.write_trace, arrivals)
    began_s = time.monotonic()
    show_progress("replaying …")
    figures = compare(
        arrivals,
        gpus=gpus,
        policies=policies,
        seed=arguments.seed,
        rules=plain_stride() if arguments.weights_only else FairRules(),
        on_done=lambda name: show_progress(f"{name} replayed …"),
    )
    show_progress("")
    took_s = time.monotonic() - began_s
    if arguments.html:
        title = f"{len(arrivals)} jobs on {arguments.gpus}"
        title += f" at load {arguments.load}" if arguments.load else ""
        arguments.html.write_text(make_page(figures, title=title), encoding="utf-8")
    if arguments.json:
        say(json.dumps(_document(figures, arrivals, gpus, arguments.load, took_s)))
    else:
        say(make_table(figures))
        say(f"\n{len(arrivals)} jobs, {len(policies)} policies in {took_s:.0f} s.")
    return 0


def read_gpus(text: str) -> dict[ModelFamily, int]:
    """Read `sdxl=20,flux=4`.

    Raises:
        BadUsage: it is something else.

    """
    gpus = {}
    for part in text.split(","):
        name, _, count = part.partition("=")
        if name.strip() not in set(ModelFamily) or not count.strip().isdecimal():
            raise BadUsage(f"--gpus takes family=count pairs such as sdxl=20,flux=4, not {part!r}")
        gpus[ModelFamily(name.strip())] = int(count)
    if not any(gpus.values()):
        raise BadUsage("--gpus must name at least one GPU")
    return {family: count for family, count in gpus.items() if count}


def read_policies(text: str) -> list[PolicyName]:
    """Read `ours,fifo`.

    Raises:
        BadUsage: a name is unknown.

    """
    names = [name.strip() for name in text.split(",")]
    unknown = [name for name in names if name not in set(PolicyName)]
    if unknown:
        raise BadUsage(f"--policy knows {', '.join(PolicyName)}, not {unknown[0]!r}")
    return [PolicyName(name) for name in dict.fromkeys(names)]


def make_arrivals(arguments: argparse.Namespace, gpus: Mapping[ModelFamily, int]) -> list[Arrival]:
    """Read or make the trace, scaled to the load, of families that have GPUs.

    Raises:
        BadUsage: both or neither of a file and --synthetic are given, or a number cannot be.
        BadInput: the file is no trace.

    """
    if bool(arguments.trace) == arguments.synthetic:
        raise BadUsage("give either a trace or --synthetic")
    if arguments.load is not None and not 0 < arguments.load <= 100:
        raise BadUsage("--load must be above 0 and at most 100")
    if not 0 < arguments.jobs <= 10_000_000:
        raise BadUsage("--jobs must be above 0 and at most ten million")
    load = arguments.load
    if arguments.synthetic:
        asked = busy_evening(requests=arguments.jobs, seed=arguments.seed)
        arrivals, load = as_trace(asked, gpus=gpus, seed=arguments.seed), load or LOAD_DEFAULT
    else:
        try:
            arrivals = _read(arguments, gpus)
        except UNREADABLE as error:
            raise BadInput(str(error), way_out="See `impasto simulate --help`.") from error
    arrivals = [arrival for arrival in arrivals if arrival.family in gpus]
    if not arrivals:
        raise BadInput("No request is for a family that has GPUs.", way_out="See --gpus.")
    return rescale(arrivals, load=load, gpus=gpus) if load else arrivals


def make_table(figures: Mapping[PolicyName, PolicyFigures]) -> str:
    """Return the figures as lines of text, also good as Markdown."""
    lines = [
        "| policy | tier | jobs | p50 s | p95 s | > 5 min | light > 5 min | share | Jain |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {name} | {tier} | {row.jobs} | {row.p50_s:.2f} | {row.p95_s:.2f} "
        f"| {row.over_5min_share:.1%} | {row.light_over_5min_share:.1%} | {row.share:.1%} "
        f"| {row.jain:.3f} |"
        for name, policy in figures.items()
        for tier, row in policy.tiers.items()
    ]
    lines += [
        f"\n{name}: of {len(policy.eta.told)} told waits {policy.eta.coverage():.1%} began within "
        f"their p90, {policy.eta.coverage(is_p90=False):.1%} within their p50."
        for name, policy in figures.items()
        if policy.eta is not None and policy.eta.told
    ]
    return "\n".join(lines)


def _read(arguments: argparse.Namespace, gpus: Mapping[ModelFamily, int]) -> list[Arrival]:
    if not is_production_log(arguments.trace):
        return read_trace(arguments.trace)
    log: Sequence[Asked] = read_production_log(arguments.trace, seed=arguments.seed)
    evening = overlay_evenings(log, requests=arguments.jobs, seed=arguments.seed)
    return as_trace(evening, gpus=gpus, seed=arguments.seed)


def _document(
    figures: Mapping[PolicyName, PolicyFigures],
    arrivals: Sequence[Arrival],
    gpus: Mapping[ModelFamily, int],
    load: float | None,
    took_s: float,
) -> dict[str, object]:
    return {
        "policies": {name.value: policy.as_json() for name, policy in figures.items()},
        "jobs": len(arrivals),
        "load": load,
        "gpus": {family.value: count for family, count in gpus.items()},
        "took_s": round(took_s, 2),
    }
