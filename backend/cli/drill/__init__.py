"""`impasto drill`: breaks a whole installation on purpose and shows what became of every job."""

import argparse
import asyncio
import importlib.util
import os
import shutil
import signal
import sys
import tempfile
from pathlib import Path
from typing import Final

from backend.cli.demo import demo_settings
from backend.cli.drill.crew import FAMILY, Crew, forget_settings
from backend.cli.drill.opening import drill
from backend.cli.drill.outcome import Outcome
from backend.cli.drill.plan import jobs_for, make_plan
from backend.cli.drill.telling import log_to, tell
from backend.cli.stack import open_stack
from backend.cli.terminal import EXIT_FAILED, BadUsage, show_progress
from backend.cli.wait import end_as_by_ctrl_c
from backend.settings import Settings

FAULTS_DEFAULT: Final = 30
# Beyond the longest time a silent worker may keep a job it has begun to step through.
HANG_BEYOND_LEASE_S: Final = 5.0
BOT_NEEDS: Final = ("discord", "simcord")
ABOUT: Final = """\
Starts an installation of its own in a temporary folder: database, Valkey server, gateway, two
dispatchers, three workers that sleep instead of drawing, and the bot on an offline Discord where
its packages are installed. Sends jobs of five accounts in all tiers, some twice under one
idempotency key, and meanwhile injects faults drawn from a seed: kill -9 of a worker, a dispatcher,
the gateway, the bot or the broker; SIGSTOP of a worker for shorter and for longer than its lease;
SIGTERM, and 8 s later SIGKILL, as a spot machine's notice; FLUSHALL of the broker.

The ledger is read from the database. lost: jobs that did not end, or that were promised to a client
and are not there. delivered_twice: jobs with two committed, announced or shown deliveries, and
requests that became two jobs. charged_twice: jobs of which the accounts' ledger holds more than
they cost, which is the GPU-seconds (encode, denoise, decode) of their delivery or, cancelled, of
the share that was drawn. ledger_sum: all entries of that ledger, in GPU-seconds.
recovery: seconds from a fault until work that was in the hit process' hands goes on.

Exit status: 0 when nothing is lost or doubled, every committed event was published and every
Discord message shows its job's end; 4 otherwise. Of your settings only times (IMPASTO_..._S) are
heeded."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    parser.description = ABOUT
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--jobs", type=int, help="jobs to send (three for each fault)")
    parser.add_argument("--faults", type=int, default=FAULTS_DEFAULT, help="faults to inject")
    parser.add_argument("--seed", type=int, default=0, help="what jobs and faults are drawn from")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--keep", type=Path, help="work in this new folder, and keep it")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Run a drill and print its ledger. Exit 0 if nothing was lost or doubled, else 4."""
    jobs = jobs_for(arguments.faults) if arguments.jobs is None else arguments.jobs
    if jobs < 1 or arguments.faults < 0:
        raise BadUsage("A drill needs at least one job and no fewer than no faults")
    if arguments.keep is not None and arguments.keep.exists():
        raise BadUsage(f"{arguments.keep} exists already")
    forget_settings()
    end_as_by_ctrl_c(signal.SIGTERM, signal.SIGHUP)
    home = arguments.keep or Path(tempfile.mkdtemp(prefix="impasto-drill-"))
    is_kept = arguments.keep is not None
    try:
        outcome = _drill_in(home, jobs=jobs, faults=arguments.faults, seed=arguments.seed)
        is_kept = is_kept or not outcome.is_clean
    finally:
        if not is_kept:
            shutil.rmtree(home, ignore_errors=True)
    show_progress("")
    tell(outcome, as_json=arguments.json)
    if not outcome.is_clean:
        sys.stderr.write(f"State and logs are kept in {home}.\n")
        return EXIT_FAILED
    return 0


def _drill_in(home: Path, *, jobs: int, faults: int, seed: int) -> Outcome:
    settings = demo_settings(Settings(home=home, families=(FAMILY,)))
    os.environ.update(
        IMPASTO_GATEWAY_PORT=str(settings.gateway_port), IMPASTO_PUBLIC_URL=settings.public_url
    )
    has_bot = all(importlib.util.find_spec(name) is not None for name in BOT_NEEDS)
    plan = make_plan(
        jobs=jobs,
        faults=faults,
        seed=seed,
        hang_s=max(settings.start_lease_s, settings.progress_lease_s) + HANG_BEYOND_LEASE_S,
        has_bot=has_bot,
    )
    with open_stack(settings) as stack, log_to(home / "logs" / "drill.log"):
        crew = Crew(stack=stack, has_bot=has_bot)
        try:
            show_progress("starting …")
            crew.start()
            return asyncio.run(
                drill(plan=plan, crew=crew, settings=stack.settings, show=show_progress)
            )
        finally:
            crew.kill_all()
