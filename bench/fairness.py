"""Who waits, under which policy: replays made traces and writes bench/fairness.md and a page.

    python bench/fairness.py [JOBS] [--log GENTD26_LOG]

Takes minutes on one core with the default of 200,000 jobs. A log of production, where there is one,
is replayed too.
"""

import argparse
import json
import resource
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

HERE = Path(__file__).parent
IMPASTO = Path(sys.executable).parent / "impasto"
POLICIES = "ours,fifo,round_robin,strict,weighted_random"
GPUS = "sdxl=20,sd3=10,flux=10"
LOADS = (0.5, 0.85, 1.0, 1.2, 1.5, 2.0)
INTRODUCTION = """# Who waits

Replays with the line of production, on 20 SDXL, 10 SD3 and 10 Flux GPUs, made by
`python bench/fairness.py`. Waits are in seconds. Light users ask for no more GPU-seconds of their
tier than its mean user does. `share` is of GPU-seconds given while all three tiers had work for
100 jobs on end (of all GPU-seconds where that never happened). Jain's index is taken inside tiers,
over what those who waited at the same time were given against what was due to them.
"""


def simulate(
    *source: str, jobs: int, load: float, policies: str = POLICIES, page: Path | None = None
) -> tuple[str, dict, float]:
    """Run one comparison; return its command, what it printed and its seconds of one core."""
    words = ["simulate", *source, "--jobs", str(jobs), "--load", str(load), "--gpus", GPUS]
    words += ["--policy", policies, "--json"]
    command = f"impasto {' '.join(words)}"
    if page is not None:
        words += ["--html", str(page)]
    before_s = cpu_s()
    ran = subprocess.run(  # noqa: S603 - our own command
        [IMPASTO, *words], check=True, capture_output=True, text=True
    )
    return command, json.loads(ran.stdout), cpu_s() - before_s


def cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def section(command: str, document: dict, took_s: float) -> str:
    """Return one comparison as Markdown."""
    lines = [
        f"\n## Load {document['load']}, {document['jobs']:,} jobs\n",
        f"`{command}`\n",
        "| policy | tier | p50 | p95 | > 5 min | light > 5 min | share | Jain |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name, policy in document["policies"].items():
        for tier, row in policy["tiers"].items():
            lines.append(
                f"| {name} | {tier} | {row['p50_s']:.2f} | {row['p95_s']:.2f} "
                f"| {row['over_5min_share']:.1%} | {row['light_over_5min_share']:.1%} "
                f"| {row['share']:.1%} | {row['jain']:.3f} |"
            )
    eta = document["policies"]["ours"].get("eta")
    if eta:
        lines.append(
            f"\nOf {eta['told']} waits told, {eta['p90_coverage']:.1%} of the jobs began within "
            f"their p90 and {eta['p50_coverage']:.1%} within their p50."
        )
    lines.append(f"\nAll of it took {took_s:.0f} s of one core.")
    return "\n".join(lines) + "\n"


def by_load(jobs: int, source: str, title: str, loads: tuple[float, ...]) -> str:
    """Return how our tiers fare at several loads as Markdown."""
    lines = [
        f"\n## {title}\n",
        "Ours alone, p50 / p95 in seconds. A tier that waits longer than a lower one is inverted.",
        "",
        "| load | turbo | fast | relax | inverted | light relax > 5 min | Jain | told | p90 kept |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for load in loads:
        _, document, _ = simulate(source, jobs=jobs, load=load, policies="ours")
        ours = document["policies"]["ours"]
        tiers = list(ours["tiers"].values())
        waits = [f"{tier['p50_s']:.2f} / {tier['p95_s']:.2f}" for tier in tiers]
        is_inverted = any(
            upper[key] > lower[key]
            for upper, lower in pairwise(tiers)
            for key in ("p50_s", "p95_s")
        )
        lines.append(
            f"| {load} | {' | '.join(waits)} | {'yes' if is_inverted else 'no'} "
            f"| {tiers[-1]['light_over_5min_share']:.1%} | {ours['jain']:.3f} "
            f"| {ours['eta']['told']} | {ours['eta']['p90_coverage']:.1%} |"
        )
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("jobs", type=int, nargs="?", default=200_000)
    parser.add_argument("--log", help="a request log of GenTD26")
    arguments = parser.parse_args()
    jobs, fewer = arguments.jobs, arguments.jobs // 10
    page = HERE / "fairness.html"
    text = INTRODUCTION
    text += section(*simulate("--synthetic", jobs=jobs, load=0.85, page=page))
    text += section(*simulate("--synthetic", jobs=fewer, load=2.0))
    text += by_load(fewer, "--synthetic", f"At other loads, {fewer:,} jobs", LOADS)
    if arguments.log:
        title = f"A real log (GenTD26), {fewer:,} requests of its busiest hours"
        text += by_load(fewer, arguments.log, title, (0.85, 2.0))
    (HERE / "fairness.md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
