"""Products are made in parts, and reading a mark leaves a numerical library's threads asleep."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy
import pytest

import gpu_worker
from safety.provenance import products
from safety.provenance.products import product

SIGNATURE = Path(gpu_worker.__file__).parent / "starter" / "models" / "signature"
# What a clock of the system ticks to while a thread only goes to sleep.
ASLEEP_TICKS = 2


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ((1, 1), (1, 1)),
        ((3, 5, 7), (7, 2)),
        ((8, 768), (768, 768)),
        ((1152, 576), (576,)),
        ((2, 3, 40), (40,)),
        ((1, 300), (300, 400)),
        ((500, 1), (1, 300)),
        ((4096, 24), (24, 8)),
    ],
)
@pytest.mark.parametrize("kind", ["float32", "complex64"])
def test_a_product_in_parts_is_the_whole_product(
    left: tuple[int, ...], right: tuple[int, ...], kind: str
) -> None:
    random = numpy.random.default_rng(3)
    one, other = (random.normal(size=shape).astype(kind) for shape in (left, right))
    found = product(one, other)
    assert found.dtype == kind
    assert found.shape == (one @ other).shape
    wide = one.astype("complex128") @ other.astype("complex128")
    numpy.testing.assert_allclose(found, wide, atol=1e-3)


@pytest.mark.parametrize("length", [1, 7, 16, 17, 100])
@pytest.mark.parametrize("most", [1, 5, 16, 200])
def test_parts_are_small_enough_and_all_there_is(length: int, most: int) -> None:
    parts = products._parts(length, most)
    assert [place for part in parts for place in range(length)[part]] == list(range(length))
    sizes = {part.stop - part.start for part in parts}
    assert max(sizes) <= most
    assert max(sizes) - min(sizes) <= 1


@pytest.mark.skipif(
    not Path("/proc/self/task").is_dir() or len(os.sched_getaffinity(0)) < 2,
    reason="the library starts no threads here, or none that can be watched",
)
def test_reading_marks_wakes_no_thread_of_the_library() -> None:
    """A product made by several waits for all of them, which takes long where others work too."""
    program = f"""
        import os, time
        from pathlib import Path

        from PIL import Image

        from safety.provenance.watermarks import open_watermark

        def ticks():
            total = 0
            for task in Path("/proc/self/task").iterdir():
                if task.name != str(os.getpid()):
                    user, system = (task / "stat").read_text().rpartition(")")[2].split()[11:13]
                    total += int(user) + int(system)
            return total

        picture = Image.effect_mandelbrot((512, 512), (-2, -1.5, 1, 1.5), 60).convert("RGB")
        time.sleep(0.3)  # in which new threads find nothing to do and lie down
        for name in ("spread", "stable_signature"):
            mark = open_watermark(name, key=bytes(32), folder=Path({str(SIGNATURE)!r}))
            before = ticks()
            mark.read(picture)
            print(ticks() - before)
        before = ticks()
        open_watermark("spread", key=bytes(32)).embed(picture, 1)
        print(ticks() - before)
    """
    done = subprocess.run(  # noqa: S603 - a program of ours
        [sys.executable, "-c", textwrap.dedent(program)],
        env={name: value for name, value in os.environ.items() if "_NUM_THREADS" not in name},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = [int(line) for line in done.stdout.split()]
    assert len(found) == 3
    assert max(found) <= ASLEEP_TICKS
