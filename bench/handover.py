"""How long the engine idles between two jobs while others wait: asking ahead beside asking late.

Everything is real but the engine, which sleeps: database, dispatcher, Celery, Valkey, worker,
checks and storage. Both ways in one run, alternating A B B A.
"""

import argparse
import asyncio
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from backend.bootstrap.opening import open_services
from backend.cli.stack import Stack, open_stack
from backend.domain.families import ModelFamily
from backend.domain.requests import AccountId, GenerationRequest, Requester, Surface
from backend.settings import Settings
from gpu_worker.__main__ import open_worker, prepare_environment
from gpu_worker.engine.loop import Engine
from gpu_worker.engine.rehearsal import SleepingArtist
from gpu_worker.engine.steps import StepWatch
from gpu_worker.render.drawing import Drawing, DrawOrder, Run
from gpu_worker.settings import Settings as WorkerSettings
from gpu_worker.tasks import open_app, serve

TABLE = Path(__file__).with_suffix(".md")
STEPS, STEP_S, DECODE_S = 10, 0.02, 0.03
AHEAD, LATE = "asks when the last step begins", "asks when the job is stored and told"


@dataclass(frozen=True, kw_only=True)
class Spell:
    """When the engine was busy with a job, on one clock."""

    begun_at: float
    ended_at: float


class NotingArtist(SleepingArtist):
    """A sleeping artist that writes down when it begins and ends each job."""

    def __init__(
        self, notes: Path, *, step_s: float = STEP_S, steps: int = STEPS, decode_s: float = DECODE_S
    ) -> None:
        super().__init__(step_s=step_s, steps=steps, decode_s=decode_s)
        self._notes = notes
        self._begun: dict[int, float] = {}

    def begin(self, order: DrawOrder) -> Run:
        begun_at = time.perf_counter()
        run = super().begin(order)
        self._begun[id(run)] = begun_at
        return run

    def finish(self, run: Run) -> Drawing:
        drawing = super().finish(run)
        note = [self._begun.pop(id(run)), time.perf_counter()]
        with self._notes.open("a") as notes:
            notes.write(json.dumps(note) + "\n")
        return drawing


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--jobs", type=int, default=40)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--worker", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--late", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.worker is not None:
        return draw(arguments.worker, is_late=arguments.late)
    # So that its worker ends with it.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    spells: dict[str, list[list[Spell]]] = {AHEAD: [], LATE: []}
    with tempfile.TemporaryDirectory() as home:
        settings = Settings().model_copy(
            update={"home": Path(home), "redis_url": None, "database_url": None, "s3_bucket": None}
        )
        with open_stack(settings) as stack:
            stack.start_dispatcher()
            stack.wait_until(stack.has_dispatcher, "The dispatcher", timeout_s=300)
            for number in range(arguments.rounds):
                for way in (LATE, AHEAD) if number % 2 else (AHEAD, LATE):
                    notes = Path(home) / f"{len(spells[AHEAD])}-{len(spells[LATE])}"
                    spells[way].append(measure(stack, way, notes, arguments.jobs))
    text = render(spells, arguments.jobs, arguments.rounds)
    sys.stdout.write(text)
    TABLE.write_text(text)
    return 0


def draw(notes: Path, *, is_late: bool) -> int:
    """Run as the worker."""
    if is_late:
        StepWatch.is_ending = property(lambda _: False)  # type: ignore[assignment,method-assign]  # the way it was before
    settings = WorkerSettings()
    prepare_environment(settings, ModelFamily.SDXL)
    worker = open_worker(settings, family=ModelFamily.SDXL, name="bench")
    worker._engine = Engine(open_artist=lambda: NotingArtist(notes))
    app = open_app(redis_url=settings.redis_url or "", worker=worker)
    worker.start()
    try:
        return serve(app, worker=worker)
    finally:
        worker.close()


def measure(stack: Stack, way: str, notes: Path, count: int) -> list[Spell]:
    """Have a backlog drawn by a worker of its own, and return when its engine was busy."""
    asyncio.run(submit(stack.settings, count))
    argv = [sys.executable, __file__, "--worker", str(notes), *(["--late"] if way == LATE else [])]
    env = {
        **os.environ,
        "PYTHONPATH": str(Path(__file__).parent.parent),
        "IMPASTO_HOME": str(stack.settings.home),
        "IMPASTO_REDIS_URL": stack.redis_url,
    }
    with (notes.with_suffix(".log")).open("wb") as log:
        worker = subprocess.Popen(argv, env=env, stderr=log)  # noqa: S603 - our own words
    try:
        stack.wait_until(
            lambda: notes.exists() and len(notes.read_text().splitlines()) >= count,
            "The last picture",
            timeout_s=300,
        )
    finally:
        worker.terminate()
        worker.wait()
    pairs = (json.loads(line) for line in notes.read_text().splitlines())
    return sorted(
        (Spell(begun_at=begun, ended_at=ended) for begun, ended in pairs),
        key=lambda spell: spell.begun_at,
    )


async def submit(settings: Settings, count: int) -> None:
    async with open_services(settings) as services:
        for number in range(count):
            account = AccountId(f"bench-{number}")
            await services.generations.submit(
                GenerationRequest(
                    requester=Requester(account_id=account, surface=Surface.COMMAND_LINE),
                    prompt="a fox in the snow",
                    image_count=1,
                )
            )


def gaps_s(spells: Sequence[Spell]) -> list[float]:
    """Return for how long nothing was in flight before each job but the first."""
    gaps, busy_until = [], spells[0].ended_at
    for spell in spells[1:]:
        gaps.append(max(0.0, spell.begun_at - busy_until))
        busy_until = max(busy_until, spell.ended_at)
    return gaps


def render(spells: dict[str, list[list[Spell]]], count: int, rounds: int) -> str:
    rows = []
    for way, runs in spells.items():
        gaps = [gap for run in runs for gap in gaps_s(run)]
        whole_s = sum(run[-1].ended_at - run[0].begun_at for run in runs)
        rows.append(
            f"| {way} | {statistics.median(gaps) * 1000:.1f}"
            f" | {statistics.quantiles(gaps, n=20)[-1] * 1000:.1f}"
            f" | {sum(gap == 0 for gap in gaps)} of {len(gaps)}"
            f" | {100 * (1 - sum(gaps) / whole_s):.1f} % |"
        )
    return "\n".join(
        (
            "# Handover: how long the engine idles between two jobs of a backlog",
            "",
            f"`python bench/handover.py --jobs {count} --rounds {rounds}`: one sleeping worker,",
            f"{STEPS} steps of {STEP_S * 1000:.0f} ms and {DECODE_S * 1000:.0f} ms of decoding;",
            f"all else is real. {count} jobs a run, {rounds} runs each way, alternating.",
            "",
            "| the worker | median gap, ms | p95, ms | next begun before the end | engine busy |",
            "|---|---|---|---|---|",
            *rows,
            "",
        )
    )


if __name__ == "__main__":
    sys.exit(main())
