"""What the marks survive, at what cost, and that clean pictures have none; writes `watermark.md`.

`measure` and `clean` add lines to files in the cache and go on where they stopped;
`render` writes the tables from what is there. Run them under `nice`: they take tens of minutes.
"""

import argparse
import io
import json
import math
import time
from collections.abc import Callable
from pathlib import Path

import numpy
from PIL import Image
from watermark_pictures import draw_starter, find_photographs, photograph, synthetic
from watermark_table import render

from safety.provenance.watermarks import open_watermark
from safety.provenance.watermarks.spread.carriers import draw_carriers
from safety.provenance.watermarks.spread.planes import brightness, local_mean
from safety.provenance.watermarks.spread.search import read
from safety.provenance.watermarks.spread.spectrum import spectra_of

TABLE = Path(__file__).with_suffix(".md")
KEY = bytes(range(32))
TILE_PX = 128.0
SSIM_REACH = 3


def jpeg(picture: Image.Image, quality: int) -> Image.Image:
    return _through(picture, "JPEG", quality)


def webp(picture: Image.Image, quality: int) -> Image.Image:
    return _through(picture, "WEBP", quality)


def _through(picture: Image.Image, kind: str, quality: int) -> Image.Image:
    buffer = io.BytesIO()
    picture.save(buffer, format=kind, quality=quality)
    return Image.open(buffer).convert("RGB")


def resize(picture: Image.Image, factor: float) -> Image.Image:
    size = (round(picture.width * factor), round(picture.height * factor))
    return picture.resize(size, Image.Resampling.BICUBIC)


def light(picture: Image.Image, factor: float) -> Image.Image:
    return picture.point(lambda value: min(255, round(value * factor)))


def crop(picture: Image.Image, x: float, y: float, *, wide: float = math.sqrt(0.5)) -> Image.Image:
    """Cut to half the area: `wide` is the share of the width, x and y say where, 0 to 1."""
    width, height = int(picture.width * wide), int(picture.height * 0.5 / wide)
    left, top = round(x * (picture.width - width)), round(y * (picture.height - height))
    return picture.crop((left, top, left + width, top + height))


TRANSFORMS: dict[str, Callable[[Image.Image], Image.Image]] = {
    "as it was": lambda p: p,
    "JPEG 50": lambda p: jpeg(p, 50),
    "WebP 50": lambda p: webp(p, 50),
    "resized to 50 %": lambda p: resize(p, 0.5),
    "resized to 77 %": lambda p: resize(p, 0.77),
    "resized to 200 %": lambda p: resize(p, 2.0),
    "half the area, a corner": lambda p: crop(p, 0, 1),
    "half the area, the middle": lambda p: crop(p, 0.5, 0.5),
    "half the area, a strip": lambda p: crop(p, 0, 0.3, wide=1.0),
    "brightness +30 %": lambda p: light(p, 1.3),
    "brightness -30 %": lambda p: light(p, 0.7),
    "50 %, JPEG 50": lambda p: jpeg(resize(p, 0.5), 50),
    "corner, JPEG 50": lambda p: jpeg(crop(p, 1, 0), 50),
    "-30 %, middle, 77 %, WebP 75": lambda p: webp(resize(crop(light(p, 0.7), 0.5, 0.5), 0.77), 75),
    "+30 %, corner, 70 %, WebP 50": lambda p: webp(resize(crop(light(p, 1.3), 1, 1), 0.7), 50),
    "corner, 50 %, JPEG 50": lambda p: jpeg(resize(crop(p, 0, 0), 0.5), 50),
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("part", choices=("measure", "clean", "time", "render"))
    parser.add_argument("--cache", type=Path, default=Path("~/.cache/impasto-watermark"))
    parser.add_argument("--each", type=int, default=100, help="pictures of each of three kinds")
    parser.add_argument("--clean", type=int, default=10_000, help="pictures without a mark")
    arguments = parser.parse_args()
    cache = arguments.cache.expanduser()
    cache.mkdir(parents=True, exist_ok=True)
    match arguments.part:
        case "measure":
            measure(cache, arguments.each)
        case "clean":
            look_at_clean(cache, arguments.clean)
        case "time":
            take_times(cache)
        case "render":
            TABLE.write_text(render(cache, list(TRANSFORMS)), encoding="utf-8")
    return 0


def measure(cache: Path, each: int) -> None:
    """Mark every picture, do everything to it, and read: one line a picture."""
    path = cache / "spread.jsonl"
    done = {row["picture"] for row in rows_of(path)}
    mark = open_watermark("spread", key=KEY)
    for kind, name, take in pictures(cache, each):
        if name in done:
            continue
        before = take()
        payload = int.from_bytes(numpy.random.default_rng(len(name) + each).bytes(6), "big")
        after = mark.embed(before, payload)
        found = {}
        for title, transform in TRANSFORMS.items():
            reading = mark.read(transform(after))
            exact, is_named = reading.payload == payload, reading.payload is not None
            found[title] = [reading.is_present, exact, reading.p_value, is_named]
        facts = {"kind": kind, "picture": name, "size": before.size}
        costs = {"psnr": psnr_db(before, after), "ssim": ssim(before, after)}
        add_row(path, {**facts, **costs, "found": found})


def pictures(cache: Path, each: int):
    """Yield kind, name and how to get it, the kinds in turn so that a part is a fair sample."""
    photographs = find_photographs(cache / "wheels")
    for number in range(each):
        drawn = cache / "starter" / f"{number:04}.png"
        yield "synthetic", f"synthetic {number}", lambda n=number: synthetic(n)[1]
        if photographs:
            yield (
                "photograph",
                f"photograph {number}",
                lambda n=number: photograph(photographs, n)[1],
            )
        yield "starter", f"starter {number}", lambda p=drawn: _starter(cache, p)


def _starter(cache: Path, path: Path) -> Image.Image:
    if not path.exists():
        draw_starter(cache, int(path.stem) + 1)
    return Image.open(path).convert("RGB")


def look_at_clean(cache: Path, count: int) -> None:
    """Read pictures that nobody marked, hundred by hundred."""
    path = cache / "clean.jsonl"
    first = sum(row["pictures"] for row in rows_of(path))
    carriers = draw_carriers(KEY)
    photographs = find_photographs(cache / "wheels")
    for start in range(first, count, 100):
        hits, least, ones = 0, 1.0, numpy.zeros(carriers.bits)
        for number in range(start, start + 100):
            spectra = list(spectra_of(_clean(photographs, number)))
            reading = read(spectra, carriers)
            hits += reading.is_present
            least = min(least, reading.p_value)
            raw = carriers.soft_signs(spectra[0].waves(carriers, numpy.array([TILE_PX])))[0]
            ones += raw > 0
        add_row(path, {"pictures": 100, "hits": hits, "least": least, "ones": ones.tolist()})


def _clean(photographs, number: int) -> Image.Image:
    """Return a small picture: a part of a photograph, or a synthetic one, in turn."""
    random = numpy.random.default_rng(number)
    side = int(random.integers(160, 257))
    if not photographs or number % 2:
        return synthetic(number + 100_000, size=(side, side))[1]
    _, whole = photographs[number // 2 % len(photographs)]
    across, down = (int(random.integers(0, max(1, length - side))) for length in whole.size)
    part = whole.crop((across, down, across + side, down + side))
    return part.transpose(Image.Transpose(int(random.integers(0, 7))))


def take_times(cache: Path) -> None:
    """Time a 1024² picture on one core: the least of five, in seconds of the processor."""
    mark = open_watermark("spread", key=KEY)
    before = synthetic(2, size=(1024, 1024))[1]
    after = mark.embed(before, 1)
    cropped = resize(crop(after, 0, 0), 1.37)
    times = {
        "embed": _least(lambda: mark.embed(before, 1)),
        "read, left at its size": _least(lambda: mark.read(after)),
        "read, size unknown": _least(lambda: mark.read(cropped)),
        "read, no mark": _least(lambda: mark.read(before)),
    }
    (cache / "times.json").write_text(json.dumps(times))


def _least(act: Callable[[], object]) -> float:
    taken = []
    for _ in range(5):
        start = time.process_time()
        act()
        taken.append(time.process_time() - start)
    return min(taken)


def psnr_db(one: Image.Image, other: Image.Image) -> float:
    difference = numpy.asarray(one, dtype=float) - numpy.asarray(other, dtype=float)
    return float(20 * math.log10(255) - 10 * math.log10((difference**2).mean()))


def ssim(one: Image.Image, other: Image.Image) -> float:
    """Return the mean structural similarity of brightness over windows of seven pixels."""
    first, second = brightness(one).astype(float), brightness(other).astype(float)
    mean_first, mean_second = local_mean(first, SSIM_REACH), local_mean(second, SSIM_REACH)
    # Differences of squares want the doubles that local means give up.
    low = first.mean()
    first, second = first - low, second - low
    level_first, level_second = local_mean(first, SSIM_REACH), local_mean(second, SSIM_REACH)
    variance = local_mean(first**2, SSIM_REACH) - level_first**2
    variance += local_mean(second**2, SSIM_REACH) - level_second**2
    together = local_mean(first * second, SSIM_REACH) - level_first * level_second
    light_part = (2 * mean_first * mean_second + 6.5025) / (mean_first**2 + mean_second**2 + 6.5025)
    return float((light_part * (2 * together + 58.5225) / (variance + 58.5225)).mean())


def rows_of(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def add_row(path: Path, row: dict) -> None:
    with path.open("a") as file:
        file.write(json.dumps(row) + "\n")


if __name__ == "__main__":
    raise SystemExit(main())
