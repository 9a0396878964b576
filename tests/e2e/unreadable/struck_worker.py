"""A worker process as in production, struck by what the plan of each job says.

`python -m tests.e2e.unreadable.struck_worker --family sdxl`

Its checks, artist, store and messenger are the real ones or stand in front of them. With
`STORES_FIRST` it does what no worker may: stores before it has judged.
"""

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

from PIL import Image

import gpu_worker.__main__ as entry
from backend.contracts import RenderBlocked, RenderFinished, RenderJob, RenderReport
from gpu_worker.engine.rehearsal import SleepingArtist
from gpu_worker.messenger import Messenger
from gpu_worker.release.papers import Papers
from gpu_worker.release.pipeline import ReleasePipeline, StoredImage, store
from gpu_worker.release.previews import Sketch
from gpu_worker.release.screening import Screening
from gpu_worker.render.drawing import Drawing, DrawOrder, Run
from safety.hash_lists.own import OwnHashList
from safety.image_check import ImageCheck
from safety.image_checks.known_pictures import KnownPicturesCheck
from safety.policy import DEFAULT_POLICY
from safety.verdict import ApprovedImage, Finding, Outcome, SafetyVerdict, digest_of
from storage.blocked import BlockedHashes
from storage.errors import StorageUnavailable
from storage.formats import decode
from storage.object_store import ObjectStore
from storage.object_stores import open_object_store
from tests.e2e.unreadable.plans import Plan, picture_of, plan_of_picture, plan_of_seed

STORES_FIRST: Final = "STRUCK_STORES_FIRST"
# A preview that nobody has looked at by then is given up, and the test fails.
LOOKED_AT_WITHIN_S: Final = 20.0


class Marks:
    """Files that say what has struck, so that it strikes once in whatever process."""

    def __init__(self, home: Path) -> None:
        self._folder = home / "struck"
        self._put = home / "put.log"
        self._folder.mkdir(exist_ok=True)

    def note_put(self, key: str) -> None:
        """Note that a key is about to be written, or seemed to be."""
        with self._put.open("a") as log:
            log.write(f"{key}\n")

    def first(self, name: str) -> bool:
        """Say whether this is the first time, in any process."""
        try:
            (self._folder / name).touch(exist_ok=False)
        except FileExistsError:
            return False
        return True

    def has(self, name: str) -> bool:
        """Say whether something was marked."""
        return (self._folder / name).exists()


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def told(outcome: Outcome, category: str = "sexual") -> Finding:
    """Return a finding."""
    return Finding(check="struck", outcome=outcome, category=category, rule="plan", score=0.9)


class StruckCheck:
    """A check that does to a picture what its plan says."""

    name = "struck"

    def check(self, pictures: Sequence[Image.Image]) -> Sequence[Sequence[Finding]]:
        """Judge, break, hang or paint."""
        count = len(pictures)
        match plan_of_picture(pictures[0]):
            case Plan.REVIEWED:
                return [[told(Outcome.REVIEW)]] * count
            case Plan.SEALED:
                return [[told(Outcome.BLOCK, "child_safety")]] * count
            case Plan.RAISED:
                raise RuntimeError("the model is gone")
            case Plan.HUNG:
                threading.Event().wait()
            case Plan.LATE:
                time.sleep(float(os.environ["IMPASTO_IMAGE_CHECK_TIMEOUT_S"]) + 0.5)
            case Plan.REPAINTED:
                pictures[0].paste("white", (8, 8, 9, 9))
            case Plan.WRONG_COUNT:
                return [[]] * (count + 1)
            case Plan.BLOCKED | Plan.KILLED_BLOCKED | Plan.BLOCK_LOST:
                return [[told(Outcome.BLOCK)]] * count
        return [[]] * count


class PlannedArtist(SleepingArtist):
    """Draws the pictures of plans, and shows them on their way."""

    def __init__(self, offer: Callable[[Sketch], object], marks: Marks) -> None:
        super().__init__(step_s=0.05, steps=3)
        self._offer = offer
        self._marks = marks
        self._jobs: dict[int, RenderJob] = {}

    def begin(self, order: DrawOrder) -> Run:
        run = super().begin(order)
        self._jobs[id(run)] = order.job
        return run

    def step(self, runs: Sequence[Run]) -> None:
        super().step(runs)
        for run in runs:
            job = self._jobs[id(run)]
            plan = plan_of_seed(job.seed)
            draw = partial(lambda one: [picture_of(one)], plan)
            self._offer(Sketch(job=job, step=1, steps=3, draw=draw))
            if plan is Plan.PREVIEWED:
                self._be_looked_at()

    def finish(self, run: Run) -> Drawing:
        plan = plan_of_seed(self._jobs.pop(id(run)).seed)
        return Drawing(pictures=(picture_of(plan),))

    def _be_looked_at(self) -> None:
        give_up_at = time.monotonic() + LOOKED_AT_WITHIN_S
        while not self._marks.has("looked-at") and time.monotonic() < give_up_at:
            time.sleep(0.02)


class StruckStore:
    """The store of the installation; writes break and processes die as planned."""

    def __init__(self, inner: ObjectStore, marks: Marks) -> None:
        self._inner = inner
        self._marks = marks

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def put(self, key: str, data: bytes, content_type: str) -> None:
        """Write, or not; what a picture's last file is comes after all others."""
        self._marks.note_put(key)
        plan = self._plan_of(key, data)
        if plan is Plan.HALF_STORED and self._marks.first("half-stored"):
            raise StorageUnavailable("half-way")
        self._inner.put(key, data, content_type)
        if plan is Plan.KILLED_STORED and self._marks.first("killed-stored"):
            _die()

    def _plan_of(self, key: str, data: bytes) -> Plan | None:
        if "/original." not in key or key.startswith("quarantine/"):
            return None
        return plan_of_picture(decode(data))


class StruckMessenger(Messenger):
    """Loses reports, and dies with one in its mouth, once each."""

    def __init__(self, *, marks: Marks, **rest: Any) -> None:
        super().__init__(**rest)
        self._marks = marks
        self._plans: dict[str, Plan] = {}

    def claim(self, job: RenderJob, token: str) -> bool:
        self._plans[job.job_id] = plan_of_seed(job.seed)
        return super().claim(job, token)

    def tell(self, report: RenderReport) -> bool:
        if isinstance(report, RenderFinished | RenderBlocked):
            plan = self._plans.get(report.job_id)
            if plan in (Plan.REPORT_LOST, Plan.BLOCK_LOST) and self._marks.first(f"lost-{plan}"):
                return True
            if plan is Plan.KILLED_BLOCKED and self._marks.first("killed-blocked"):
                _die()
        return super().tell(report)


class StoresFirst(ReleasePipeline):
    """What must never be: every picture is stored, and judged afterwards."""

    def release(
        self, pictures: Sequence[Image.Image], *, papers: Papers, **rest: Any
    ) -> tuple[StoredImage, ...]:
        unjudged = []
        for picture in pictures:
            fine = Finding(check="none", outcome=Outcome.ALLOW, rule="unseen")
            verdict = SafetyVerdict.fold([fine], subject=digest_of(picture))
            unjudged.append(ApprovedImage(pixels=picture.copy(), verdict=verdict))
        for signed in self._sign(unjudged, papers):
            store(signed, images=self._images)
        return super().release(pictures, papers=papers, **rest)


def strike(env: Mapping[str, str]) -> None:
    """Put all of this where the entry point finds it."""
    marks = Marks(Path(env["IMPASTO_HOME"]))

    def open_screening(_settings: object, objects: ObjectStore) -> Screening:
        own = OwnHashList(read=BlockedHashes(objects=objects).read, refresh_s=0.2)
        checks: list[ImageCheck] = [
            StruckCheck(),
            KnownPicturesCheck(lists=[own], looks_at_crops=False),
        ]
        return Screening(checks=checks, policy=DEFAULT_POLICY)

    patched: dict[str, object] = {
        "open_screening": open_screening,
        "open_object_store": lambda settings: StruckStore(open_object_store(settings), marks),
        "Messenger": partial(StruckMessenger, marks=marks),
        "open_artist": lambda _settings, _family, _stock, _dials, offer: PlannedArtist(
            offer, marks
        ),
    }
    if env.get(STORES_FIRST):
        patched["ReleasePipeline"] = StoresFirst
    for name, value in patched.items():
        setattr(entry, name, value)


if __name__ == "__main__":
    strike(os.environ)
    sys.exit(entry.main())
