"""Who waits, under which policy: replays made traces and writes bench/fairness.md and a page.

    python bench/fairness.py [JOBS]

Takes minutes on one core with the default of 200,000 jobs.
"""

import json
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
IMPASTO = Path(sys.executable).parent / "impasto"
POLICIES = "ours,fifo,round_robin,strict,weighted_random"
GPUS = "sdxl=20,sd3=10,flux=10"
INTRODUCTION = """# Who waits

Replays with the line of production, on 20 SDXL, 10 SD3 and 10 Flux GPUs, made by
`python bench/fairness.py`. Waits are in seconds. Light users ask for no more GPU-seconds of their
tier than its mean user does. `share` is of GPU-seconds given while all three tiers had work for
100 jobs on end (of all GPU-seconds where that never happened). Jain's index is taken inside tiers,
over what those who waited at the same time were given against what was due to them.
"""


def simulate(jobs: int, load: float, page: Path | None = None) -> tuple[str, dict]:
    """Run one comparison; return its command and what it printed."""
    words = ["simulate", "--synthetic", "--jobs", str(jobs), "--load", str(load), "--gpus", GPUS]
    words += ["--policy", POLICIES, "--json"]
    command = f"impasto {' '.join(words)}"
    if page is not None:
        words += ["--html", str(page)]
    ran = subprocess.run(  # noqa: S603 - our own command
        [IMPASTO, *words], check=True, capture_output=True, text=True
    )
    return command, json.loads(ran.stdout)


def section(command: str, document: dict) -> str:
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
    return "\n".join(lines) + "\n"


def main() -> None:
    jobs = int(sys.argv[1]) if len(sys.argv) > 1 else 200_000
    text = INTRODUCTION
    for load in (0.85, 1.2, 2.0):
        page = HERE / "fairness.html" if load == 0.85 else None
        text += section(*simulate(jobs, load, page))
    (HERE / "fairness.md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
