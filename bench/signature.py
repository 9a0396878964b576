"""What a Stable Signature survives in the starter's pictures as they leave; writes `signature.md`.

Half of the pictures are latents that the model drew, half are painted scenes (others than it was
taught with) that the autoencoder encoded; both decoders draw each, the upscaler enlarges it, and
the watermark `spread` goes over it, as over every picture that leaves.
`measure` goes on where it stopped, `render` writes the table. Run it under `nice`.
"""

import argparse
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy
import torch
from diffusers import AutoencoderKL
from PIL import Image
from watermark import KEY, TRANSFORMS, add_row, crop, jpeg, psnr_db, rows_of, ssim
from watermark_pictures import MODELS, open_starter, sample

from gpu_worker.compose.signing import sign
from gpu_worker.render.decode import to_pictures
from gpu_worker.render.upscale import Upscaler, open_upscaler
from gpu_worker.starter.signature.pictures import paint_album
from safety.provenance.signature import DECODER_FILE
from safety.provenance.watermark import Watermark, WatermarkReading
from safety.provenance.watermarks import open_watermark

TABLE = Path(__file__).with_suffix(".md")
CHANGES = {
    **TRANSFORMS,
    "JPEG 80": lambda p: jpeg(p, 80),
    "corner, JPEG 80": lambda p: jpeg(crop(p, 1, 0), 80),
}
KINDS = ("drawn", "painted")
ALBUM_SEED = 7  # the decoder was taught with the scenes of seed 0
HEAD = """\
# Stable Signature

What is left of the starter's signature in its pictures as they leave, 512 px a side. Made by
`python bench/signature.py measure` and `render`; the decoder and its
extractor as `gpu_worker/starter/models/signature/README.md` tells.

"Bits" is the mean share of the 48 bits that were right where the reader thought the cells to be;
in a picture without a signature the best of the places looked at shows about 0.6. "Found" is the
share of readings with a p-value of at most 1e-6, all sizes and places tried counted.
"""


@dataclass(frozen=True, kw_only=True)
class Studio:
    """What draws the same latents with and without a signature, and reads it."""

    plain: Any
    signed: Any
    upscaler: Upscaler
    mark: Watermark
    spread: Watermark

    def draw(self, latents: torch.Tensor) -> tuple[Image.Image, Image.Image]:
        """Return a picture of the plain decoder, and the signed one's, as they leave."""
        with torch.inference_mode():
            pictures = [
                to_pictures(decoder.decode(latents, return_dict=False)[0])
                for decoder in (self.plain, self.signed)
            ]
        (before,), (after,) = (self.upscaler.enlarge(each) for each in pictures)
        return before, after


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("part", choices=("measure", "render"))
    parser.add_argument("--cache", type=Path, default=Path("~/.cache/impasto-watermark"))
    parser.add_argument("--art", type=Path, default=Path("~/.cache/impasto-starter"))
    parser.add_argument("--signature", type=Path, default=MODELS / "signature")
    parser.add_argument("--each", type=int, default=100, help="pictures of each of two kinds")
    arguments = parser.parse_args()
    cache = arguments.cache.expanduser()
    cache.mkdir(parents=True, exist_ok=True)
    path = cache / "signature.jsonl"
    if arguments.part == "measure":
        torch.set_num_threads(1)
        measure(path, arguments.signature, arguments.art.expanduser(), arguments.each)
    else:
        TABLE.write_text(render(rows_of(path)), encoding="utf-8")
    return 0


def measure(path: Path, folder: Path, art: Path, each: int) -> None:
    """Draw every picture twice, do everything to the signed one, and read: a line a picture."""
    pipeline = open_starter()
    signed = deepcopy(pipeline.vae)
    sign(signed, folder / DECODER_FILE)
    studio = Studio(
        plain=pipeline.vae,
        signed=signed,
        upscaler=open_upscaler(
            MODELS / "upscaler" / "x4.safetensors", scale=4, device=torch.device("cpu")
        ),
        mark=open_watermark("stable_signature", key=bytes(32), folder=folder),
        spread=open_watermark("spread", key=KEY),
    )
    done = {(row["kind"], row["number"]) for row in rows_of(path)}
    for kind, number, take in latents(pipeline, art, each):
        if (kind, number) in done:
            continue
        before, after = studio.draw(take())
        leaving = studio.spread.embed(after, number)
        found = {
            title: _facts(studio.mark.read(change(leaving))) for title, change in CHANGES.items()
        }
        facts = {"kind": kind, "number": number, "spread": studio.spread.read(leaving).payload}
        costs = {"psnr": psnr_db(before, after), "ssim": ssim(before, after)}
        clean = _facts(studio.mark.read(before))
        add_row(path, {**facts, **costs, "clean": clean, "found": found})


def _facts(reading: WatermarkReading) -> list[float]:
    return [reading.bits_matched / reading.bits, reading.is_present, reading.p_value]


def latents(pipeline, art: Path, each: int) -> Iterator[tuple[str, int, Any]]:
    """Yield kind, number and how to get its latents as the autoencoder counts them, in turn."""
    album = paint_album(art, side=128, count=each, seed=ALBUM_SEED)
    for number in range(each):
        yield "drawn", number, lambda n=number: _drawn(pipeline, n)
        yield "painted", number, lambda n=number: _encoded(pipeline.vae, album.numbered(n))


def _drawn(pipeline, number: int) -> torch.Tensor:
    found = sample(pipeline, f"signature {number}", number, output_type="latent")
    return found / pipeline.vae.config.scaling_factor


def _encoded(vae: AutoencoderKL, pixels: torch.Tensor) -> torch.Tensor:
    with torch.inference_mode():
        return vae.encode(pixels).latent_dist.mode()


def render(rows: list[dict]) -> str:
    groups = [rows, *([row for row in rows if row["kind"] == kind] for kind in KINDS)]
    lines = [HEAD, f"## {len(rows)} pictures", ""]
    lines += ["| | bits | least | found | " + " | ".join(f"bits, {kind}" for kind in KINDS) + " |"]
    lines += ["|---|---|---|---|" + "---|" * len(KINDS)]
    for title in CHANGES:
        bits = [[row["found"][title][0] for row in group] for group in groups]
        found = numpy.mean([row["found"][title][1] for row in rows])
        cells = [numpy.mean(bits[0]), min(bits[0]), found, *map(numpy.mean, bits[1:])]
        lines.append(f"| {title} | " + " | ".join(f"{cell:.3f}" for cell in cells) + " |")
    lines += ["", f"| against the plain decoder's | all | {' | '.join(KINDS)} |"]
    lines += ["|---|---|" + "---|" * len(KINDS)]
    for name, title, digits in (("psnr", "PSNR, dB", 2), ("ssim", "SSIM", 4)):
        for what, fold in (("mean", numpy.mean), ("worst", numpy.min)):
            values = [f"{fold([row[name] for row in group]):.{digits}f}" for group in groups]
            lines.append(f"| {title}, {what} | {' | '.join(values)} |")
    both = sum(row["spread"] == row["number"] for row in rows)
    lines += ["", f"Pictures whose `spread` id was read as well: {both} of {len(rows)}.", ""]
    return "\n".join([*lines, *_clean(rows)])


def _clean(rows: list[dict]) -> list[str]:
    clean = [row["clean"] for row in rows]
    return [
        "| the plain decoder's own pictures | |",
        "|---|---|",
        f"| bits, mean and most | {numpy.mean([bits for bits, _, _ in clean]):.3f},"
        f" {max(bits for bits, _, _ in clean):.3f} |",
        f"| called signed | {sum(found for _, found, _ in clean)} of {len(clean)} |",
        f"| least p-value seen | {min(p_value for _, _, p_value in clean):.2g} |",
        "",
    ]


if __name__ == "__main__":
    raise SystemExit(main())
