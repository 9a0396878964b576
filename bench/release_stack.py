"""A backlog drawn through the whole stack, and what the engine waited for whenever it stood still.

Everything is real but the engine, which sleeps as long as a large model draws and hands out real
pictures: database, dispatcher, Celery, Valkey, worker, checks, marks, files, signatures and store.
"""

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from handover import NotingArtist, Spell, gaps_s, submit
from PIL import Image

from backend.cli.stack import Stack
from backend.domain.families import ModelFamily
from gpu_worker.__main__ import open_worker, prepare_environment
from gpu_worker.engine.loop import Engine
from gpu_worker.render.drawing import Drawing, Run
from gpu_worker.settings import Settings as WorkerSettings
from gpu_worker.tasks import open_app, serve
from gpu_worker.worker import Worker
from storage import formats

SIDE = 1024
STEPS, STEP_S, DECODE_S = 20, 0.1, 0.1
DRAWS_S = STEPS * STEP_S + DECODE_S
# As it was when pictures that wait for a processor, and slow answers, could stop the engine.
SLOTS_BEFORE, PNG_BEFORE, AVIF_BEFORE = 4, 6, 8
# Neighbours are busy for half of this time, all at once.
NEIGHBOURS_EVERY_S = 20.0
_NEIGHBOUR = f"""
import time
while True:
    if time.time() % {NEIGHBOURS_EVERY_S} > {NEIGHBOURS_EVERY_S / 2}:
        time.sleep(0.05)
"""


def a_picture(number: int = 0) -> Image.Image:
    """Return one of the starter model's pictures in the size that a large model draws."""
    with Image.open(Path(__file__).parent / "starter/sdxl.webp") as sheet:
        side = min(sheet.size) // 2
        left = (number * 97) % max(1, sheet.width - side)
        part = sheet.convert("RGB").crop((left, 0, left + side, side))
    return part.resize((SIDE, SIDE), Image.Resampling.LANCZOS)


@contextmanager
def as_before() -> Iterator[None]:
    """Have files encoded as they were before they were to take less of a processor."""
    now = formats._PNG_LEVEL, formats._AVIF_SPEED
    formats._PNG_LEVEL, formats._AVIF_SPEED = PNG_BEFORE, AVIF_BEFORE  # type: ignore[misc]
    try:
        yield
    finally:
        formats._PNG_LEVEL, formats._AVIF_SPEED = now  # type: ignore[misc]


class PaintingArtist(NotingArtist):
    """A noting artist that hands out real pictures."""

    def __init__(self, notes: Path) -> None:
        super().__init__(notes, step_s=STEP_S, steps=STEPS, decode_s=DECODE_S)
        self._pictures = [a_picture(number) for number in range(4)]

    def finish(self, run: Run) -> Drawing:
        drawing = super().finish(run)
        return replace(drawing, pictures=(self._pictures[len(self._begun) % 4],))


@dataclass(frozen=True, kw_only=True)
class Seen:
    """One run: when the engine was busy, when the worker asked, got and was done with a job."""

    spells: list[Spell]
    asked: list[float]
    at_hand: list[float]
    left: list[float]
    slots: int

    @property
    def busy(self) -> float:
        """The share of the time in which something was in flight."""
        return 1 - sum(gaps_s(self.spells)) / self._whole_s

    @property
    def used(self) -> float:
        """The share of the time that the drawing alone takes: late steps count as well."""
        return len(self.spells) * DRAWS_S / self._whole_s

    @property
    def answers_s(self) -> list[float]:
        """How long each wish but the first waited for its job."""
        return [
            at - max(asked for asked in self.asked if asked <= at)
            for at in sorted(self.at_hand)[1:]
        ]

    def gaps(self) -> dict[bool, list[float]]:
        """Return the gaps, by whether all places were taken when they began."""
        found: dict[bool, list[float]] = {True: [], False: []}
        for spell, gap in zip(self.spells, gaps_s(self.spells), strict=False):
            if gap > 0:
                found[self._in_hand(spell.ended_at) >= self.slots].append(gap)
        return found

    def _in_hand(self, at: float) -> int:
        return sum(one <= at for one in self.at_hand) - sum(one <= at for one in self.left)

    @property
    def _whole_s(self) -> float:
        return self.spells[-1].ended_at - self.spells[0].begun_at


@contextmanager
def crowded(neighbours: int) -> Iterator[None]:
    """Have so many processes a core that take what they can get, half of the time."""
    count = neighbours * len(os.sched_getaffinity(0))
    running = [subprocess.Popen([sys.executable, "-c", _NEIGHBOUR]) for _ in range(count)]  # noqa: S603 - our own words
    try:
        yield
    finally:
        for process in running:
            process.kill()
            process.wait()


def measure(stack: Stack, notes: Path, count: int, *, is_before: bool = False) -> Seen:
    """Have a backlog drawn by a worker of its own."""
    asyncio.run(submit(stack.settings, count))
    argv = [sys.executable, __file__, str(notes), *(["--before"] if is_before else [])]
    env = {
        **os.environ,
        "PYTHONPATH": str(Path(__file__).parent.parent),
        "IMPASTO_HOME": str(stack.settings.home),
        "IMPASTO_REDIS_URL": stack.redis_url,
    }
    with notes.with_suffix(".log").open("wb") as log:
        worker = subprocess.Popen(argv, env=env, stdout=log, stderr=log)  # noqa: S603 - our own words
    try:
        stack.wait_until(
            lambda: notes.exists() and len(notes.read_text().splitlines()) >= count,
            "The last picture",
            timeout_s=600,
        )
    finally:
        worker.terminate()
        worker.wait()
    return _read(notes)


def _read(notes: Path) -> Seen:
    pairs = [json.loads(line) for line in notes.read_text().splitlines()]
    spells = [Spell(begun_at=begun, ended_at=ended) for begun, ended in pairs]
    lines = [json.loads(line) for line in _desk_notes(notes).read_text().splitlines()]
    found = {
        kind: [at for what, at in lines if what == kind] for kind in ("asked", "at_hand", "left")
    }
    slots = next(int(value) for what, value in lines if what == "slots")
    return Seen(spells=sorted(spells, key=lambda spell: spell.begun_at), slots=slots, **found)


def _desk_notes(notes: Path) -> Path:
    return notes.with_suffix(".desk")


def main() -> int:
    """Run as the worker."""
    parser = argparse.ArgumentParser()
    parser.add_argument("notes", type=Path)
    parser.add_argument("--before", action="store_true")
    arguments = parser.parse_args()
    settings = WorkerSettings()
    prepare_environment(settings, ModelFamily.SDXL)
    worker = open_worker(settings, family=ModelFamily.SDXL, name=f"bench-{os.getpid()}")
    worker._engine = Engine(open_artist=lambda: PaintingArtist(arguments.notes))
    with ExitStack() as stack:
        if arguments.before:
            worker.desk.slots = SLOTS_BEFORE
            worker._pace.lead.learn = lambda _: None
            stack.enter_context(as_before())
        _note_desk(worker, _desk_notes(arguments.notes))
        app = open_app(redis_url=settings.redis_url or "", worker=worker)
        worker.start()
        stack.callback(worker.close)
        return serve(app, worker=worker)


def _note_desk(worker: Worker, path: Path) -> None:
    """Write down when the worker says that it wants a job, has one at hand, is done with it."""
    file = path.open("w", buffering=1)

    def note(what: str, value: float) -> None:
        file.write(json.dumps([what, value]) + "\n")

    desk, messenger = worker.desk, worker._messenger
    put, drop, be_present = desk.put, desk.drop, messenger.be_present

    def noting_put(watch):
        note("at_hand", time.perf_counter())
        put(watch)

    def noting_drop(watch):
        drop(watch)
        note("left", time.perf_counter())

    def noting_presence(family, name, presence, **more):
        if presence.wants:
            note("asked", time.perf_counter())
        return be_present(family, name, presence, **more)

    note("slots", desk.slots)
    desk.put, desk.drop, messenger.be_present = noting_put, noting_drop, noting_presence


def table(runs: Sequence[tuple[str, Seen]]) -> list[str]:
    """Return what was seen as the lines of a table."""
    lines = [
        "| | engine busy | of the time that drawing takes | gaps: all places taken"
        " | gaps: a place free | asked to at hand, median ms | longest |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, seen in runs:
        gaps, answers = seen.gaps(), seen.answers_s
        lines.append(
            f"| {name} | {100 * seen.busy:.1f} % | {100 * seen.used:.1f} %"
            f" | {_told(gaps[True])} | {_told(gaps[False])}"
            f" | {1000 * statistics.median(answers):.0f} | {1000 * max(answers):.0f} |"
        )
    return lines


def _told(gaps: Sequence[float]) -> str:
    return f"{len(gaps)}, {sum(gaps):.1f} s" if gaps else "none"


if __name__ == "__main__":
    sys.exit(main())
