"""Who should stay in a cache: what the hour of the week tells, beside recency and frequency.

Replays a made week with habits and, where it lies, a recorded trace (GenTD26's base models; set
`--trace` to its lora_request_trace.csv.gz). The first half, or the trace's first week, only
teaches; hits are counted in the rest.
"""

import argparse
import csv
import gzip
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from gpu_worker.compose.cache_replay import (
    WEEK_S,
    LeastFrequent,
    LeastRecent,
    Outcome,
    Policy,
    Predictive,
    Request,
    make_weeks,
    replay,
)

TABLE = Path(__file__).with_suffix(".md")
TRACE = Path(__file__).parents[2] / "shared/data/gentd26/lora_request_trace.csv.gz"
MADE_PLACES = (10, 20, 40)
TRACE_PLACES = (3, 5, 10, 20)
HEAD = """# Who should stay in a cache

`python bench/popularity.py`: hit rate of a cache with so many places, where each thing takes one.
*Made weeks*: 200 LoRAs, 12 circles of people with their own hours and favourites, four weeks, the
last two judged; median of five seeds (least-most). *GenTD26*: 26,823 requests for 86 base models in
23 days, judged after the first week. Loads count those ahead of time too. Limit: what nobody could
foresee; in the made weeks a tenth of all requests is for anything.

| requests | places | who stays | hits | loads per request |
|---|---|---|---|---|"""


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--trace", type=Path, default=TRACE)
    parser.add_argument("--seeds", type=int, default=5)
    arguments = parser.parse_args()
    rows = [row for places in MADE_PLACES for row in made_rows(places, arguments.seeds)]
    note = ""
    if arguments.trace.is_file():
        requests = read_trace(arguments.trace)
        rows += [row for places in TRACE_PLACES for row in trace_rows(requests, places)]
    else:
        note = "\nThe trace is not here; only the made weeks were replayed.\n"
    text = render(rows, note)
    sys.stdout.write(text)
    TABLE.write_text(text)
    return 0


def made_rows(places: int, seeds: int) -> list[tuple[str, int, str, str, str]]:
    by_policy: dict[str, list[Outcome]] = {}
    for seed in range(seeds):
        requests = make_weeks(weeks=4, seed=seed)
        for name, outcome in outcomes(requests, places, judged_from_s=2 * WEEK_S):
            by_policy.setdefault(name, []).append(outcome)
    return [("made weeks", places, name, *spread(found)) for name, found in by_policy.items()]


def trace_rows(requests: Sequence[Request], places: int) -> list[tuple[str, int, str, str, str]]:
    judged_from_s = requests[0].at_s + WEEK_S
    found = outcomes(requests, places, judged_from_s=judged_from_s)
    return [("GenTD26", places, name, *spread([outcome])) for name, outcome in found]


def outcomes(
    requests: Sequence[Request], places: int, *, judged_from_s: float
) -> list[tuple[str, Outcome]]:
    policies: dict[str, Policy] = {
        "LRU": LeastRecent(),
        "LFU": LeastFrequent(),
        "ours": Predictive(began_at_s=requests[0].at_s),
    }
    return [
        (name, replay(requests, policy, places=places, judged_from_s=judged_from_s))
        for name, policy in policies.items()
    ]


def spread(found: Sequence[Outcome]) -> tuple[str, str]:
    rates = sorted(outcome.hit_rate for outcome in found)
    loads = sorted(outcome.loads_per_request for outcome in found)
    middle = len(found) // 2
    bounds = f" ({rates[0]:.1%}-{rates[-1]:.1%})" if len(found) > 1 else ""
    return f"{rates[middle]:.1%}{bounds}", f"{loads[middle]:.3f}"


def read_trace(path: Path) -> list[Request]:
    with gzip.open(path, "rt", encoding="utf-8") as file:
        requests = [
            Request(
                at_s=datetime.fromisoformat(row["gmt_create"]).replace(tzinfo=UTC).timestamp(),
                name=row["checkpoint_model_version_id"],
            )
            for row in csv.DictReader(file)
        ]
    return sorted(requests, key=lambda request: request.at_s)


def render(rows: Sequence[tuple[str, int, str, str, str]], note: str) -> str:
    lines = [f"| {' | '.join(str(cell) for cell in row)} |" for row in rows]
    return "\n".join([HEAD, *lines, note]).rstrip() + "\n"


if __name__ == "__main__":
    sys.exit(main())
