"""Whose jobs begin, and in which order: our dispatch beside plain Celery, on real processes.

    python bench/shares.py [--workers 8] [--jobs 320] [--json]

Every run has its own SQLite database and Valkey server, the production dispatcher and worker
processes that sleep instead of drawing. Takes five minutes on two cores.
"""

import argparse
import asyncio
import json
import statistics
import sys
import tempfile
from collections import Counter
from contextlib import contextmanager
from math import ceil, inf
from pathlib import Path

import plain_celery
from house import FAMILY, dispatching, moment, open_house, open_run
from redis import Redis

from backend.cli.drill.crew import forget_settings
from backend.cli.stack import open_stack
from backend.cli.supervisor import Program
from backend.domain.tiers import TIER_POLICIES, Tier, TierPolicy
from backend.scheduling.replay.engine import Replayed
from backend.scheduling.replay.measure import jain_in_tier, quantile
from backend.scheduling.replay.trace import Arrival
from backend.scheduling.rules import FairRules, plain_stride
from backend.settings import Settings

# A job of the burst is long beside what two cores need to begin one on eight processes.
BURST_JOB_S = 4.0
TABLE = Path(__file__).with_suffix(".md")
WEIGHTS = {tier: TIER_POLICIES[tier].weight / 16 for tier in Tier}
WITH_RESERVES = {Tier.TURBO: 0.6, Tier.FAST: 0.3, Tier.RELAX: 0.1}
# What of each tier is still in line when the last counted job begins, at least.
LEFT_OVER = 12
# So that jobs of a run of half a minute become overdue; all else is as in production.
PROMISES_SHORTENED = 60
WHALE, GUESTS, OF_EACH = 500, 20, 3
# A guest comes whenever so many jobs have begun: three in five jobs are then a guest's.
BETWEEN_GUESTS = 5
PEERS = ("round_robin", "weighted_random")


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--workers", type=int, default=8)
    parser.add_argument("--jobs", type=int, default=320, help="jobs counted in each run (0: none)")
    parser.add_argument("--job-s", type=float, default=0.4, help="how long a job sleeps")
    parser.add_argument("--whale", type=int, default=WHALE, help="jobs of the whale (0: no whale)")
    parser.add_argument(
        "--whale-job-s", type=float, default=BURST_JOB_S, help="how long its jobs sleep"
    )
    parser.add_argument("--json", action="store_true", help="print JSON; write no table")
    arguments = parser.parse_args()
    forget_settings()
    document = measure(arguments)
    if arguments.json:
        sys.stdout.write(json.dumps(document) + "\n")
        return 0
    text = render(document, arguments)
    sys.stdout.write(text)
    TABLE.write_text(text, encoding="utf-8")
    return 0


def measure(arguments) -> dict:
    document, jobs = {}, arguments.jobs

    def note(name: str, figures: dict) -> None:
        document[name] = figures
        sys.stderr.write(f"{name}: {json.dumps(figures)}\n")

    for order in PEERS if jobs else ():
        with tempfile.TemporaryDirectory() as home:
            note(order, peer_run(Path(home), order, arguments))
    if jobs:
        with workers_of(arguments, job_s=arguments.job_s) as stack:
            run = share_run(stack, "weights", plain_stride(), WEIGHTS, jobs)
            note("weights_only", asyncio.run(run))
            run = share_run(stack, "rules", all_rules(), WITH_RESERVES, jobs)
            note("all_rules", asyncio.run(run))
    if arguments.whale:
        with workers_of(arguments, job_s=arguments.whale_job_s) as stack:
            note("whale", asyncio.run(whale_run(stack, arguments)))
    return document


@contextmanager
def workers_of(arguments, *, job_s: float):
    with (
        tempfile.TemporaryDirectory() as home,
        open_house(Path(home), workers=arguments.workers, job_s=job_s) as stack,
    ):
        yield stack


def all_rules() -> FairRules:
    return FairRules(
        tiers={
            tier: TierPolicy(
                weight=policy.weight,
                longest_wait_s=policy.longest_wait_s and policy.longest_wait_s / PROMISES_SHORTENED,
            )
            for tier, policy in TIER_POLICIES.items()
        }
    )


# What is measured


async def share_run(stack, name: str, rules, ideal, jobs: int) -> dict:
    """Everything backlogged: in which order tiers are handed out, and begin."""
    async with open_run(stack, name) as (settings, run):
        for tier in Tier:
            for ten in range(ceil((jobs * ideal[tier] + LEFT_OVER) / 10)):
                await run.submit(f"{tier}{ten}", tier, 10)
        async with dispatching(settings, rules):
            await run.until_begun(jobs)
            await run.drain()
        handed = [seen.tier for seen in run.order("dispatched")][:jobs]
        begun = run.order("started")[:jobs]
        ((document,),) = run.rows("SELECT document FROM fair_queues")
    gpu_s = Counter()
    for seen in begun:
        gpu_s[seen.tier] += seen.denoise_s
    return {
        "jobs": jobs,
        "handed_over": deviation(handed, ideal),
        "begun": deviation([seen.tier for seen in begun], ideal),
        "shares_of_jobs": shares(Counter(seen.tier for seen in begun)),
        "shares_of_gpu_s": shares(gpu_s),
        "promotions": sum(
            tier["promotions"] for tier in json.loads(document)["queue"]["tiers"].values()
        ),
    }


async def whale_run(stack, arguments) -> dict:
    """One account's burst of relax jobs, and twenty others while it is worked off."""
    async with open_run(stack, "whale") as (settings, run), dispatching(settings, FairRules()):
        await run.submit("whale", Tier.RELAX, arguments.whale)
        for guest in range(GUESTS):
            await run.until_begun(arguments.workers + guest * BETWEEN_GUESTS)
            await run.submit(f"guest{guest}", Tier.RELAX, OF_EACH)
        await run.until_begun(GUESTS * OF_EACH, whose="guest%")
        await run.drain()
        return judge_whale(run.order("queued"), run.order("started"), run.order("delivered"))


def judge_whale(came, begun, ended) -> dict:
    began_s = {seen.job_id: moment(seen.at) for seen in begun}
    # The word that a job has begun may be lost; its pictures are proof enough.
    job_s = statistics.median(
        moment(seen.at) - began_s[seen.job_id] for seen in ended if seen.job_id in began_s
    )
    guests_s = [seen.waited_s for seen in begun if seen.account != "whale"]
    places = {seen.job_id: place for place, seen in enumerate(came)}
    arrivals = [
        Arrival(
            arrival_s=moment(seen.created),
            user=seen.account,
            tier=Tier.RELAX,
            family=FAMILY,
            gpu_s=job_s,
        )
        for seen in came
    ]
    outcome = Replayed(
        starts_s=[began_s.get(seen.job_id, inf) for seen in came],
        took_s=[job_s] * len(came),
        order=[places[seen.job_id] for seen in begun],
    )
    return {
        "guests": len(guests_s),
        "job_s": job_s,
        "p50_jobs": quantile(guests_s, 0.5) / job_s,
        "p95_jobs": quantile(guests_s, 0.95) / job_s,
        "most_jobs": max(guests_s) / job_s,
        "jain": jain_in_tier(arrivals, outcome, Tier.RELAX)[1],
    }


def peer_run(home: Path, order: str, arguments) -> dict:
    """The same with plain Celery: three full queues, and workers that take from them."""
    with open_stack(Settings(home=home, families=(FAMILY,))) as stack:
        url = stack.redis_url
        for number in range(arguments.workers):
            argv = (sys.executable, plain_celery.__file__, url, order)
            argv += (str(arguments.job_s), str(number))
            stack.supervisor.start(Program(name=f"{order}-{number}", argv=argv))
        with Redis.from_url(url) as client, plain_celery.open_app(url, key_prefix="held:") as app:

            def has(key: str, count: int):
                return lambda: client.llen(key) >= count

            for tier in Tier:
                for _ in range(arguments.jobs):
                    app.send_task(plain_celery.TASK, args=[tier.value], queue=tier.value)
            stack.wait_until(has(plain_celery.READY, arguments.workers), "All plain workers")
            # Full queues appear at once, before workers that are all there.
            with client.pipeline() as together:
                for tier in Tier:
                    together.rename(f"held:{tier}", f"{plain_celery.KEY_PREFIX}{tier}")
                together.execute()
            stack.wait_until(has(plain_celery.BEGUN, arguments.jobs), "The jobs")
            begun = client.lrange(plain_celery.BEGUN, 0, arguments.jobs - 1)
    begun = [Tier(tier.decode()) for tier in begun]
    return {
        "jobs": len(begun),
        "begun": deviation(begun, WEIGHTS),
        "shares_of_jobs": shares(Counter(begun)),
    }


def deviation(order, ideal) -> float:
    """Return how far any tier was from its share of any prefix, in jobs."""
    served, worst = Counter(), 0.0
    for number, tier in enumerate(order, start=1):
        served[tier] += 1
        worst = max(worst, *(abs(served[each] - number * ideal[each]) for each in Tier))
    return worst


def shares(amounts) -> dict[str, float]:
    total = sum(amounts.values())
    return {tier.value: amounts[tier] / total for tier in Tier}


# What is told


def render(document, arguments) -> str:
    lines = [
        "# Whose jobs begin",
        "",
        f"`python bench/shares.py --workers {arguments.workers} --jobs {arguments.jobs} "
        f"--job-s {arguments.job_s:g} --whale {arguments.whale} "
        f"--whale-job-s {arguments.whale_job_s:g}`:",
        f"{arguments.workers} worker processes on real Celery queues, with jobs that sleep "
        f"{arguments.job_s:g} s ({arguments.whale_job_s:g} s beside the burst).",
        "",
    ]
    if arguments.jobs:
        lines += share_lines(document, arguments.jobs)
    if arguments.whale:
        lines += whale_lines(document["whale"], arguments.whale)
    return "\n".join(lines)


def share_lines(document, jobs: int) -> list[str]:
    rows = [
        ("ours, by weight alone", document["weights_only"], WEIGHTS),
        ("ours, reserves and promotion on", document["all_rules"], WITH_RESERVES),
        *((f"plain Celery, {order}", document[order], WEIGHTS) for order in PEERS),
    ]
    rules = document["all_rules"]
    return [
        f"Everything is backlogged; the first {jobs} jobs of each run count. The deviation is the",
        "most that any tier was away from its share of any prefix, in jobs: of the order in which",
        "jobs were handed to workers, and of that in which they began.",
        "",
        "| dispatch | turbo : fast : relax, % | due | handed over | begun |",
        "|---|---|---|---|---|",
        *(row(*each) for each in rows),
        "",
        f"With reserves and promotion on, GPU-seconds were shared "
        f"{percents(rules['shares_of_gpu_s'].values())}; {rules['promotions']}",
        f"jobs were promoted, for whom promises were shortened {PROMISES_SHORTENED} times.",
        "",
    ]


def row(name: str, figures, due) -> str:
    handed = figures.get("handed_over")
    return (
        f"| {name} | {percents(figures['shares_of_jobs'].values())} | {percents(due.values())} "
        f"| {'-' if handed is None else f'{handed:.2f}'} | {figures['begun']:.2f} |"
    )


def percents(parts) -> str:
    return " : ".join(f"{100 * part:.1f}" for part in parts)


def whale_lines(whale, count: int) -> list[str]:
    return [
        "## One account's burst",
        "",
        f"One account submits {count} relax jobs at once; {GUESTS} others submit "
        f"{OF_EACH} each, one account",
        f"whenever {BETWEEN_GUESTS} more jobs have begun. A job length is the median from",
        "beginning to delivery.",
        "",
        "| | |",
        "|---|---|",
        f"| job length, s | {whale['job_s']:.2f} |",
        f"| the others' wait in job lengths, p50 | {whale['p50_jobs']:.2f} |",
        f"| p95 | {whale['p95_jobs']:.2f} |",
        f"| longest | {whale['most_jobs']:.2f} |",
        f"| Jain's index within the tier | {whale['jain']:.3f} |",
        "",
    ]


if __name__ == "__main__":
    sys.exit(main())
