"""Which changed copies of pictures `fingerprints.py` finds again, and what else it takes for one.

The pictures are those of `watermark_pictures.py`. A picture that tells nothing (quality 49 or less:
plain and shaded ones) is not looked up, by the published rule; how many those are is counted.
"""

from collections.abc import Callable
from pathlib import Path
from random import Random

from PIL import Image, ImageDraw
from watermark import add_row, jpeg, light, resize, rows_of, webp
from watermark_pictures import find_photographs, photograph, synthetic

from safety.fingerprint import Fingerprint, crops, dihedrals

Change = Callable[[Image.Image], Image.Image]


def look_up(cache: Path, pictures: Path, each: int) -> None:
    """Change every picture in every way and look it up: one line a picture."""
    path = cache / "recall.jsonl"
    done = {row["picture"] for row in rows_of(path)}
    for kind, name, take in _pictures(pictures, each):
        if name in done:
            continue
        picture = take()
        own = dihedrals(picture)[0]
        row = {"kind": kind, "picture": name, "quality": own.quality, "hash": own.hex}
        if own.is_telling:
            random = Random(name)  # noqa: S311 repeatable on purpose
            row["found"] = {
                title: _distances(change(picture), own) for title, change in changes(random).items()
            }
            row["asked"] = [one.hex for one in _of_parts(picture) if one.is_telling]
        add_row(path, row)


def changes(random: Random) -> dict[str, Change]:
    """Return what happens to pictures; crops are taken anywhere."""
    x, y = random.random(), random.random()
    turned = {f"turned or mirrored, {way.name.lower()}": way for way in Image.Transpose}
    return {
        "as it was": lambda p: p,
        "JPEG 80": lambda p: jpeg(p, 80),
        "JPEG 50": lambda p: jpeg(p, 50),
        "WebP 50": lambda p: webp(p, 50),
        "resized to 50 %": lambda p: resize(p, 0.5),
        "resized to 200 %": lambda p: resize(p, 2.0),
        "brightness +30 %": lambda p: light(p, 1.3),
        "brightness -30 %": lambda p: light(p, 0.7),
        "cut to 98 % of each side": lambda p: _cut(p, 0.98, x, y),
        "cut to 95 % of each side": lambda p: _cut(p, 0.95, x, y),
        "cut to 90 % of each side": lambda p: _cut(p, 0.9, x, y),
        "set into a margin of 8 %": _framed,
        "caption bar, 12 % below": _captioned,
        **{title: lambda p, w=way: p.transpose(w) for title, way in turned.items()},
        "50 %, JPEG 50": lambda p: jpeg(resize(p, 0.5), 50),
        "mirrored, 77 %, WebP 50": lambda p: webp(
            resize(p.transpose(Image.Transpose.FLIP_LEFT_RIGHT), 0.77), 50
        ),
        "turned, -30 %, JPEG 50": lambda p: jpeg(
            light(p.transpose(Image.Transpose.ROTATE_90), 0.7), 50
        ),
        "caption bar, 70 %, JPEG 50": lambda p: jpeg(resize(_captioned(p), 0.7), 50),
        "cut to 98 %, mirrored, JPEG 50": lambda p: jpeg(
            _cut(p, 0.98, x, y).transpose(Image.Transpose.FLIP_LEFT_RIGHT), 50
        ),
    }


def _distances(copy: Image.Image, own: Fingerprint) -> list[int]:
    """Return how near a copy is, looked up whole and as an upload; 256 if it tells nothing."""
    whole = _nearest(dihedrals(copy), own)
    return [whole, whole if whole <= 31 else _nearest(_of_parts(copy), own)]


def _nearest(prints, own: Fingerprint) -> int:
    return min((one.distance(own) for one in prints if one.is_telling), default=256)


def _of_parts(picture: Image.Image) -> list[Fingerprint]:
    """Return every fingerprint by which an upload is looked up."""
    small = picture.copy()
    small.thumbnail((1024, 1024))
    return [*dihedrals(picture), *(one for part in crops(small) for one in dihedrals(part))]


def _pictures(folder: Path, each: int):
    photographs = find_photographs(folder / "wheels")
    drawn = sorted((folder / "starter").glob("*.png"))[:each]
    for number in range(each):
        yield "synthetic", f"synthetic {number}", lambda n=number: synthetic(n)[1]
        if photographs:
            name, _ = photograph(photographs, number)
            yield "photograph", name, lambda n=number: photograph(photographs, n)[1]
        if number < len(drawn):
            yield (
                "starter",
                f"starter {number}",
                lambda n=number: Image.open(drawn[n]).convert("RGB"),
            )


def _cut(picture: Image.Image, share: float, x: float, y: float) -> Image.Image:
    width, height = round(picture.width * share), round(picture.height * share)
    left, top = round(x * (picture.width - width)), round(y * (picture.height - height))
    return picture.crop((left, top, left + width, top + height))


def _framed(picture: Image.Image) -> Image.Image:
    across, down = round(picture.width * 0.08), round(picture.height * 0.08)
    framed = Image.new("RGB", (picture.width + 2 * across, picture.height + 2 * down), "white")
    framed.paste(picture, (across, down))
    return framed


def _captioned(picture: Image.Image) -> Image.Image:
    bar = round(picture.height * 0.12)
    captioned = Image.new("RGB", (picture.width, picture.height + bar), "white")
    captioned.paste(picture, (0, 0))
    text = "a caption in a bar below"
    ImageDraw.Draw(captioned).text((bar // 3, picture.height + bar // 4), text, fill="black")
    return captioned
