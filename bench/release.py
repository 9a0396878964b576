"""What it takes to let a picture out: each stage on one core, and beside an engine that is busy.

The stages are those of the worker, over the checks, the watermark, the credentials and the formats
that ship; the second table is `release_stack`'s.
"""

import argparse
import os
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from PIL import Image
from release_stack import (
    AVIF_BEFORE,
    DRAWS_S,
    NEIGHBOURS_EVERY_S,
    PNG_BEFORE,
    SIDE,
    SLOTS_BEFORE,
    Seen,
    a_picture,
    as_before,
    crowded,
    measure,
    table,
)

from backend.cli.stack import open_stack
from backend.contracts import ImageVariant
from backend.settings import Settings
from gpu_worker.desk import SLOTS
from gpu_worker.release.marking import encode
from gpu_worker.release.papers import registry_id_of
from safety.fingerprint import fingerprint
from safety.image_checks import open_image_checks
from safety.provenance.c2pa import Facts, Signer, SoftBinding
from safety.provenance.keeping import load_or_create_watermark_key, open_credentials
from safety.provenance.watermarks import open_watermark
from safety.screen_image import screen_images
from safety.verdict import ApprovedImage
from storage.formats import content_type, encode_avif, encode_jpeg, encode_png, encode_webp, sniff
from storage.image_store import ImageStore
from storage.object_stores import LocalStoreSettings, open_object_store
from storage.thumbnails import SIDES_PX, thumbnail

TABLE = Path(__file__).with_suffix(".md")
BEFORE = ", as it was"


@dataclass(frozen=True, kw_only=True)
class Told:
    """What the bench was told to do."""

    pictures: int
    jobs: int
    neighbours: int


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--pictures", type=int, default=7)
    parser.add_argument("--jobs", type=int, default=20)
    parser.add_argument("--neighbours", type=int, default=6)
    told = Told(**vars(parser.parse_args()))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    with tempfile.TemporaryDirectory() as folder:
        stages = measure_stages(Path(folder) / "stages", told.pictures)
        runs = []
        for name, seen in measure_runs(Path(folder) / "home", told):
            runs.append((name, seen))
            sys.stderr.write(f"{name}: {100 * seen.busy:.1f} %\n")
    text = render(stages, runs, told)
    sys.stdout.write(text)
    TABLE.write_text(text)
    return 0


def measure_runs(home: Path, told: Told) -> Iterator[tuple[str, Seen]]:
    """Yield what was seen of the engine alone with the house, then among neighbours."""
    chosen = {"home": home, "redis_url": None, "database_url": None, "s3_bucket": None}
    with open_stack(Settings().model_copy(update=chosen)) as stack:
        stack.start_dispatcher()
        stack.wait_until(stack.has_dispatcher, "The dispatcher", timeout_s=300)
        yield "the house alone", measure(stack, home / "alone", told.jobs)
        with crowded(told.neighbours):
            yield (
                "crowded, as it was",
                measure(stack, home / "before", told.jobs, is_before=True),
            )
            yield "crowded", measure(stack, home / "crowded", told.jobs)


def measure_stages(home: Path, count: int) -> dict[str, list[float]]:
    """Return the processor seconds of each stage for each picture, on one core."""
    whole = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(whole)})
    try:
        spent: dict[str, list[float]] = {}
        # The first is drawn to warm up: weights, carriers, keys.
        for number in range(count + 1):
            one = Stages(home).run(a_picture(number), f"gen_{number}")
            for stage, seconds in one.items() if number else ():
                spent.setdefault(stage, []).append(seconds)
        return spent
    finally:
        os.sched_setaffinity(0, whole)


class Stages:
    """One picture on its way out; processor time is taken stage by stage."""

    _opened: tuple[object, ...] = ()

    def __init__(self, home: Path) -> None:
        now = datetime.now(UTC)
        if not Stages._opened:
            credentials = open_credentials(home, chain=None, key=None, now=now)
            watermark = open_watermark("spread", key=load_or_create_watermark_key(home))
            objects = open_object_store(
                LocalStoreSettings(
                    root=home / "objects", public_url="http://x", signing_keys={"k": bytes(32)}
                )
            )
            signer = Signer(credentials=credentials.current, clock=lambda: datetime.now(UTC))
            Stages._opened = (open_image_checks(), watermark, signer, ImageStore(objects=objects))
        self.checks, self.watermark, self.signer, self.images = Stages._opened
        self.spent: dict[str, float] = {}

    def run(self, pixels: Image.Image, job_id: str) -> dict[str, float]:
        registry_id = registry_id_of(job_id, 0)
        (verdict,) = self._timed(
            "checks", lambda: screen_images([pixels], checks=self.checks, timeout_s=60)
        )
        ApprovedImage(pixels=pixels, verdict=verdict)
        marked = self._timed("watermark", lambda: self.watermark.embed(pixels, registry_id))
        self._timed("fingerprint", lambda: fingerprint(marked))
        self._timed("PNG", lambda: encode_png(marked))
        with as_before():
            self._timed(f"PNG{BEFORE}", lambda: encode_png(marked))
            self._timed(f"AVIF{BEFORE}", lambda: encode_avif(marked))
        self._timed("WebP", lambda: encode_webp(marked))
        self._timed("progressive JPEG", lambda: encode_jpeg(marked))
        self._timed("AVIF", lambda: encode_avif(marked))
        self._timed("thumbnails", lambda: [thumbnail(marked, side) for side in SIDES_PX])
        files = encode(marked, metadata={}, comment="")
        facts = Facts(
            version="bench",
            family="sdxl",
            model="bench",
            model_sha256="",
            made_at=datetime.now(UTC),
            soft_bindings=(SoftBinding(algorithm=self.watermark.name, registry_id=registry_id),),
        )
        signed = self._timed(
            f"signing {len(files)} files",
            lambda: {
                str(variant): self.signer.sign(data, content_type(sniff(data)), facts)
                for variant, data in files.items()
            },
        )
        name = f"{registry_id:064x}"
        self._timed("storing", lambda: self.images.keep(signed, name=name))
        self.spent["bytes"] = sum(len(data) for data in signed.values())
        return self.spent

    def _timed(self, stage, call):
        began = time.process_time()
        made = call()
        self.spent[stage] = time.process_time() - began
        return made


def render(stages: dict[str, list[float]], runs: Sequence[tuple[str, Seen]], told: Told) -> str:
    sizes = stages.pop("bytes")
    medians = {stage: statistics.median(seconds) * 1000 for stage, seconds in stages.items()}
    before = {name: medians.pop(f"{name}{BEFORE}") for name in ("PNG", "AVIF")}
    whole = sum(medians.values())
    was = whole + sum(ms - medians[name] for name, ms in before.items())
    return "\n".join(
        (
            f"# Release: what it takes to let a picture of {SIDE}² out",
            "",
            f"`python bench/release.py --pictures {told.pictures} --jobs {told.jobs}"
            f" --neighbours {told.neighbours}`",
            "",
            "Processor time on one core, median of the pictures; "
            f"{statistics.median(sizes) / 2**20:.1f} MiB in {len(ImageVariant) - 2} files.",
            f"As it was: PNG at level {PNG_BEFORE}, AVIF at speed {AVIF_BEFORE}, in the same run.",
            "",
            "| stage | ms | as it was | ratio |",
            "|---|---|---|---|",
            *(_row(stage, ms, before.get(stage)) for stage, ms in medians.items()),
            _row("**all**", whole, was),
            "",
            f"Overlapped: a backlog of {told.jobs} jobs through the whole stack (database,",
            "dispatcher, Celery, Valkey, worker, checks, marks, files, signatures, store); the",
            f"engine sleeps {DRAWS_S:.1f} s a picture, as long as a large model draws.",
            f"Crowded: {told.neighbours} other processes a core take what they can get, for half",
            f"of every {NEIGHBOURS_EVERY_S:.0f} s, all at once. As it was: {SLOTS_BEFORE} places",
            f"in hand instead of {SLOTS}, the next job always asked for 0.3 s ahead.",
            "Gaps are told by whether all places were taken when they began, by pictures on their",
            "way out. Files were encoded as in the table above.",
            "",
            *table(runs),
            "",
        )
    )


def _row(stage: str, ms: float, before: float | None) -> str:
    was = "" if before is None else f"{before:.0f}"
    ratio = "" if before is None else f"{ms / before:.2f}"
    return f"| {stage} | {ms:.0f} | {was} | {ratio} |"


if __name__ == "__main__":
    sys.exit(main())
