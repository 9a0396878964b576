"""Nothing of a held picture can ever be read: every key is probed while a real worker runs."""

import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from PIL import Image

from backend.contracts import ModelFamily, RenderBlocked, preview_key
from gpu_worker.engine.loop import Engine
from gpu_worker.engine.rehearsal import SleepingArtist
from gpu_worker.messenger import Messenger
from gpu_worker.release.pipeline import ReleasePipeline
from gpu_worker.release.screening import Screening
from gpu_worker.release.sealing import Sealing
from gpu_worker.render.drawing import Drawing, DrawOrder, Run
from gpu_worker.worker import Worker
from safety.errors import SealBroken
from safety.fingerprint import fingerprint
from safety.hash_lists import open_own_list
from safety.image_check import ImageCheck
from safety.image_checks.known_pictures import KnownPicturesCheck
from safety.moderation.quarantine import load_or_create_quarantine_key, unseal
from safety.policy import DEFAULT_POLICY
from safety.verdict import Finding, Outcome
from storage.errors import InvalidKey
from storage.formats import decode
from storage.image_store import ImageStore
from storage.object_stores.memory import MemoryObjectStore
from storage.sealed import SealedObjects
from tests.builders import NOW
from tests.fakes.marks import a_marker
from tests.integration.gpu_worker.conftest import PATIENCE_S, Line, a_render_job
from tests.unit.safety.pictures import made_picture

PICTURE = made_picture(3, size=(128, 128))


class DrawsThePicture:
    """An artist that always draws the same."""

    def begin(self, order: DrawOrder) -> Run:
        return SleepingArtist(step_s=0.0, steps=1).begin(order)

    def step(self, runs: Sequence[Run]) -> None:
        SleepingArtist(step_s=0.0, steps=1).step(runs)

    def finish(self, run: Run) -> Drawing:
        return Drawing(pictures=(PICTURE.copy(),) * run.rows)


class Watched(MemoryObjectStore):
    """A store that remembers all that was ever put into it."""

    def __init__(self) -> None:
        super().__init__()
        self.ever: list[tuple[str, bytes]] = []

    def put(self, key: str, data: bytes, content_type: str) -> None:
        self.ever.append((key, data))
        super().put(key, data, content_type)


class Told:
    """A check that does as it is told."""

    name = "told"

    def __init__(self, do: Callable[[int], object]) -> None:
        self._do = do

    def check(self, pictures: Sequence[Image.Image]) -> Sequence[Sequence[Finding]]:
        if self._do is repainting:
            pictures[0].paste("white", (8, 8, 9, 9))
        return self._do(len(pictures))  # type: ignore[return-value]  # some answer nonsense


def finding(outcome: Outcome, category: str, score: float | None = None) -> Finding:
    return Finding(check="told", outcome=outcome, category=category, rule="r", score=score)


def raising(_count: int) -> object:
    raise RuntimeError("the model is gone")


def repainting(count: int) -> object:
    return [[]] * count


LET_GO = threading.Event()


def hanging(_count: int) -> object:
    LET_GO.wait(PATIENCE_S)
    return []


FAULTS: dict[str, Callable[[int], object]] = {
    "block": lambda count: [[finding(Outcome.BLOCK, "sexual")]] * count,
    "review": lambda count: [[finding(Outcome.REVIEW, "sexual")]] * count,
    "child safety": lambda count: [[finding(Outcome.BLOCK, "child_safety")]] * count,
    "raise": raising,
    "hang": hanging,
    "not a number": lambda count: [[finding(Outcome.ALLOW, "", float("nan"))]] * count,
    "more than one": lambda count: [[finding(Outcome.ALLOW, "", 1.5)]] * count,
    "one too few": lambda count: [[]] * (count - 1),
    "one too many": lambda count: [[]] * (count + 1),
    "nothing": lambda _count: None,
    "repaint": repainting,
    "strings": lambda count: ["fine"] * count,
}


@pytest.fixture
def objects() -> Watched:
    return Watched()


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    return tmp_path / "quarantine.key"


Run_ = Callable[[ImageCheck], RenderBlocked]


@pytest.fixture
def run(redis_url: str, line: Line, objects: Watched, key_file: Path) -> Run_:
    """Run a job of two pictures past a check, and return what was reported."""

    def run(check: ImageCheck) -> RenderBlocked:
        images = ImageStore(objects=objects)
        key = load_or_create_quarantine_key(key_file)
        worker = Worker(
            name="worker-1",
            family=ModelFamily.SDXL,
            engine=Engine(open_artist=DrawsThePicture),
            messenger=Messenger(redis_url=redis_url, worker="worker-1"),
            images=images,
            release=ReleasePipeline(
                screening=Screening(checks=[check], policy=DEFAULT_POLICY),
                check_timeout_s=0.5,
                marker=a_marker(),
                images=images,
            ),
            sealing=Sealing(sealed=SealedObjects(objects=objects), public_key=key.public_key()),
            report_retry_s=5.0,
        )
        worker.start()
        job = a_render_job(1, image_count=2)
        try:
            worker.run(job)
            report = line.outcome(job)
        finally:
            LET_GO.set()
            worker.close()
        assert isinstance(report, RenderBlocked)
        assert not line.redis.exists(preview_key(job.job_id, job.attempt))
        return report

    LET_GO.clear()
    return run


def must_be_unreadable(objects: Watched) -> None:
    """Look at all that was ever stored, and ask for a link to it."""
    images = ImageStore(objects=objects)
    for key, data in objects.ever:
        assert key.startswith("quarantine/sealed/")
        with pytest.raises(InvalidKey):
            images.link(key, 60, NOW)
        with pytest.raises(InvalidKey):
            images.read(key)
        with pytest.raises(Exception, match=r".*"):
            decode(data)
        assert b"PNG" not in data
        assert b"WEBP" not in data


@pytest.mark.parametrize("fault", FAULTS)
def test_whatever_a_check_does_no_key_ever_holds_the_picture(
    run: Run_, objects: Watched, fault: str
):
    report = run(Told(FAULTS[fault]))
    if fault in ("block", "review", "child safety"):
        assert report.category in ("sexual", "child_safety")
    else:
        assert report.category == "check_failed"
    must_be_unreadable(objects)
    assert bool(objects.ever) == (fault == "child safety") == bool(report.evidence)


def test_a_copy_from_the_test_bank_is_sealed_and_only_the_key_opens_it(
    run: Run_, objects: Watched, key_file: Path, tmp_path: Path
):
    blocked = {fingerprint(PICTURE).hex: "entry-1"}
    bank = open_own_list(lambda: blocked)
    bank.category = "child_safety"  # type: ignore[misc]  # a bank for tests
    report = run(KnownPicturesCheck(lists=[bank], looks_at_crops=False))

    assert (report.category, report.rule) == ("child_safety", "known.own")
    assert report.match is not None
    assert (report.match.entry, report.match.distance) == ("entry-1", 0)
    must_be_unreadable(objects)
    assert len(report.evidence) == 2
    sealed = SealedObjects(objects=objects)
    key = load_or_create_quarantine_key(key_file)
    other = load_or_create_quarantine_key(tmp_path / "other.key")
    for evidence in report.evidence:
        data = sealed.read(evidence)
        assert decode(unseal(data, key=key, about=evidence)).tobytes() == PICTURE.tobytes()
        with pytest.raises(SealBroken):
            unseal(data, key=other, about=evidence)
