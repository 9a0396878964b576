"""Writes a trained model as the folder that diffusers loads: 16-bit weights, defaults, a card."""

import json
import shutil
import tempfile
from pathlib import Path
from string import Template

import torch
from diffusers import AutoencoderKL

from gpu_worker.starter import data
from gpu_worker.starter.palette import COLOURS
from gpu_worker.starter.sdxl import Parts, assemble_pipeline
from gpu_worker.starter.vocabulary import OBJECTS, SHAPES

# Chosen by looking at sheets.
DEFAULTS = {"steps": 16, "guidance": 3.0, "sampler": "euler_a"}
_CARD = Path(__file__).with_name("card.txt")


def export_sdxl(
    folder: Path, parts: Parts, autoencoder: AutoencoderKL, *, run_folder: Path
) -> Path:
    """Write the folder, whole or not at all; `run_folder` holds the logs that the card quotes."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}-") as scratch:
        draft = Path(scratch) / "model"
        pipeline = assemble_pipeline(parts, autoencoder)
        for part in (pipeline.unet, pipeline.vae, pipeline.text_encoder, pipeline.text_encoder_2):
            torch.nn.Module.half(part)
        pipeline.save_pretrained(draft, safe_serialization=True)
        for name in ("tokenizer", "tokenizer_2"):
            # Newer libraries write one file; tools that read the old layout want these two.
            for file in ("vocab.json", "merges.txt"):
                shutil.copyfile(run_folder / "tokenizer" / file, draft / name / file)
        (draft / "impasto.json").write_text(json.dumps(DEFAULTS, indent=2) + "\n")
        (draft / "README.md").write_text(_card(run_folder, parts))
        shutil.rmtree(folder, ignore_errors=True)
        draft.rename(folder)
    return folder


def _card(run_folder: Path, parts: Parts) -> str:
    seen = _last_line(run_folder / "sdxl.jsonl")
    seen_by_autoencoder = _last_line(run_folder / "autoencoder.jsonl", having="pictures")
    return Template(_CARD.read_text()).substitute(
        package=data.PACKAGE,
        version=data.VERSION,
        shapes=", ".join(thing.name for thing in SHAPES),
        objects=", ".join(thing.name for thing in OBJECTS),
        colours=", ".join(COLOURS),
        recoloured=", ".join(thing.name for thing in OBJECTS if thing.takes_colour),
        steps=seen.get("step", 0),
        pictures=round(seen.get("pictures", 0)),
        autoencoder_pictures=round(seen_by_autoencoder.get("pictures", 0)),
        unet_millions=round(sum(weight.numel() for weight in parts.unet.parameters()) / 1e6, 1),
        default_steps=DEFAULTS["steps"],
        guidance=DEFAULTS["guidance"],
        sampler=DEFAULTS["sampler"],
    )


def _last_line(path: Path, *, having: str = "step") -> dict[str, float]:
    """Return the last report of a log that tells what is asked."""
    if not path.exists():
        return {}
    reports = [json.loads(line) for line in path.read_text().splitlines()]
    return next((report for report in reversed(reports) if having in report), {})
