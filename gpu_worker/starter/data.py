"""Assembles the art: one registry package, unpacked, cropped and scaled into one file."""

import io
import json
import subprocess
import tarfile
from dataclasses import dataclass
from pathlib import Path

import numpy
from PIL import Image

from gpu_worker.starter.vocabulary import OBJECTS

ART_SIDE = 128
OTHERS = 500
PACKAGE = "@lobehub/fluent-emoji-3d"
VERSION = "1.1.0"
LICENCE = "MIT (Microsoft Fluent Emoji)"

_ARCHIVE = f"lobehub-fluent-emoji-3d-{VERSION}.tgz"
_FOLDER = "package/assets/"


@dataclass(frozen=True, kw_only=True)
class Art:
    """Drawings on nothing: [ART_SIDE, ART_SIDE, RGBA] of 8 bits, cropped to what is drawn."""

    objects: dict[str, numpy.ndarray]
    others: tuple[numpy.ndarray, ...] = ()  # without a word: only the autoencoder sees them


def assemble(cache: Path) -> Path:
    """Fetch the package unless it is here, and write `art.npz` into the cache; return it."""
    drawings = _unpack(archive_in(cache))
    wanted = {thing.codepoint: thing.name for thing in OBJECTS}
    objects = {name: drawings[codepoint] for codepoint, name in wanted.items()}
    rest = sorted(drawings.keys() - wanted.keys())
    others = [drawings[name] for name in rest[:: max(1, len(rest) // OTHERS)]]
    target = cache / "art.npz"
    names = numpy.array(list(objects))
    numpy.savez_compressed(
        target, names=names, objects=numpy.stack(list(objects.values())), others=numpy.stack(others)
    )
    facts = {"package": PACKAGE, "version": VERSION, "licence": LICENCE}
    counts = {"objects": len(objects), "others": len(others)}
    (cache / "art.json").write_text(json.dumps({**facts, **counts}, indent=2) + "\n")
    return target


def archive_in(cache: Path) -> Path:
    """Return the package's archive, fetched unless it is here."""
    archive = cache / "npm" / _ARCHIVE
    if not archive.exists():
        archive.parent.mkdir(parents=True, exist_ok=True)
        command = ["npm", "pack", f"{PACKAGE}@{VERSION}", "--silent"]
        subprocess.run(command, cwd=archive.parent, check=True, capture_output=True)  # noqa: S603 fixed words
    return archive


def load_art(path: Path) -> Art:
    """Read what `assemble` wrote."""
    with numpy.load(path) as stored:
        objects = dict(zip((str(name) for name in stored["names"]), stored["objects"], strict=True))
        return Art(objects=objects, others=tuple(stored["others"]))


def _unpack(archive: Path) -> dict[str, numpy.ndarray]:
    drawings = {}
    with tarfile.open(archive) as package:
        for member in package:
            if not member.name.startswith(_FOLDER) or not member.name.endswith(".webp"):
                continue
            file = package.extractfile(member)
            if file is not None:
                name = member.name.removeprefix(_FOLDER).removesuffix(".webp")
                drawings[name] = crop(Image.open(io.BytesIO(file.read())).convert("RGBA"))
    return drawings


def crop(picture: Image.Image) -> numpy.ndarray:
    """Cut a drawing to what is drawn, centre it in a square, and scale that."""
    box = picture.getchannel("A").point(lambda alpha: 255 * (alpha > 8)).getbbox()
    drawn = picture.crop(box)
    side = max(drawn.size)
    square = Image.new("RGBA", (side, side))
    square.paste(drawn, ((side - drawn.width) // 2, (side - drawn.height) // 2))
    # Scaled with the colours weighted by alpha, or a dark fringe appears.
    scaled = square.convert("RGBa").resize((ART_SIDE, ART_SIDE), Image.Resampling.BOX)
    return numpy.asarray(scaled.convert("RGBA"))
