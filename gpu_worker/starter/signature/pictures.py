"""Pictures to learn from: the starter's own scenes, painted once, or photographs of a folder."""

from pathlib import Path
from random import Random

import numpy
import torch
from PIL import Image

from gpu_worker.starter.data import load_art
from gpu_worker.starter.train_autoencoder import draw_pictures

_ENDINGS = {".jpg", ".jpeg", ".png", ".webp"}


class Album:
    """Square pictures of one side, taken at random."""

    def __init__(self, pixels: numpy.ndarray) -> None:
        self._pixels = pixels  # [pictures, 3, side, side], 8 bits

    def numbered(self, number: int) -> torch.Tensor:
        """Return one whole picture, [1, 3, side, side] in -1..1."""
        return torch.from_numpy(self._pixels[number : number + 1]).float() / 127.5 - 1

    def take(self, random: Random, count: int, *, side: int) -> torch.Tensor:
        """Return parts of pictures, [count, 3, side, side] in -1..1."""
        most = self._pixels.shape[-1] - side
        parts = []
        for _ in range(count):
            picture = self._pixels[random.randrange(len(self._pixels))]
            top, left = random.randint(0, most), random.randint(0, most)
            parts.append(picture[:, top : top + side, left : left + side])
        return torch.from_numpy(numpy.stack(parts)).float() / 127.5 - 1


def paint_album(cache: Path, *, side: int, count: int, seed: int) -> Album:
    """Paint the starter's scenes, or read those painted before; `assemble` comes first."""
    path = cache / f"signature-album-{side}-{count}-{seed}.npy"
    if not path.exists():
        art = load_art(cache / "art.npz")
        random = Random(f"{seed} signature album")  # noqa: S311 repeatable on purpose
        painted = [draw_pictures(art, random, 50, side=side) for _ in range(-(-count // 50))]
        pixels = ((torch.cat(painted)[:count] + 1) * 127.5).round().to(torch.uint8)
        draft = path.with_suffix(".part.npy")
        numpy.save(draft, pixels.numpy())
        draft.replace(path)
    return Album(numpy.load(path))


def read_album(folder: Path, *, side: int) -> Album:
    """Read a folder's pictures, each cut to its middle square.

    Raises:
        FileNotFoundError: there is no picture in it.

    """
    found = sorted(path for path in folder.rglob("*") if path.suffix.lower() in _ENDINGS)
    if not found:
        raise FileNotFoundError(f"no pictures in {folder}: name a folder of JPEG, PNG or WebP")
    return Album(numpy.stack([_square(path, side) for path in found]))


def _square(path: Path, side: int) -> numpy.ndarray:
    with Image.open(path) as file:
        picture = file.convert("RGB")
    least = min(picture.size)
    left, top = (picture.width - least) // 2, (picture.height - least) // 2
    middle = picture.crop((left, top, left + least, top + least))
    scaled = middle.resize((side, side), Image.Resampling.LANCZOS)
    return numpy.asarray(scaled).transpose(2, 0, 1)
