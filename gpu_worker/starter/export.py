"""Writes a trained model as the folder that diffusers loads: 16-bit weights, defaults, a card."""

import json
import shutil
import tempfile
from pathlib import Path
from string import Template

import torch
from diffusers import AutoencoderKL, DiffusionPipeline

from gpu_worker.starter import data
from gpu_worker.starter.palette import COLOURS
from gpu_worker.starter.student import Student
from gpu_worker.starter.vocabulary import Lesson

_CARDS = Path(__file__).with_name("cards")


def export_model(
    folder: Path, student: Student, autoencoder: AutoencoderKL, *, run_folder: Path, lesson: Lesson
) -> Path:
    """Write the folder, whole or not at all; `run_folder` holds the logs that the card quotes."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}-") as scratch:
        draft = Path(scratch) / "model"
        pipeline = student.pipeline(autoencoder)
        card = _card(student, pipeline, run_folder, lesson)
        _save(pipeline, draft, tokenizer=run_folder / "tokenizer")
        (draft / "impasto.json").write_text(json.dumps(dict(student.defaults), indent=2) + "\n")
        (draft / "README.md").write_text(card)
        shutil.rmtree(folder, ignore_errors=True)
        draft.rename(folder)
    return folder


def _save(pipeline: DiffusionPipeline, folder: Path, *, tokenizer: Path) -> None:
    for part in pipeline.components.values():
        if isinstance(part, torch.nn.Module):
            part.half()
    pipeline.save_pretrained(folder, safe_serialization=True)
    for config in folder.glob("*/config.json"):
        settings = json.loads(config.read_text())
        # Where a part once lay says nothing to anyone else.
        settings.pop("_name_or_path", None)
        if config.parent.name.startswith("text_encoder"):
            # Stored in 16 bits, opened in 32 unless told otherwise, as diffusers opens the other
            # parts: a pipeline of two widths fails at its first call.
            settings["dtype"] = "float32"
        config.write_text(json.dumps(settings, indent=2) + "\n")
    for name in ("tokenizer", "tokenizer_2"):
        # Newer libraries write one file; tools that read the old layout want these two.
        if type(getattr(pipeline, name)).__name__.startswith("CLIP"):
            for file in ("vocab.json", "merges.txt"):
                shutil.copyfile(tokenizer / file, folder / name / file)


def _card(student: Student, pipeline: DiffusionPipeline, run_folder: Path, lesson: Lesson) -> str:
    name = student.name.removesuffix("-distilled")
    seen = _last_line(run_folder / f"{name}.jsonl")
    distilled = _last_line(run_folder / f"{name}-distilled.jsonl")
    seen_by_autoencoder = _last_line(run_folder / "autoencoder.jsonl", having="pictures")
    network = pipeline.unet if hasattr(pipeline, "unet") else pipeline.transformer
    return fill_card(
        name,
        shapes=", ".join(thing.name for thing in lesson.shapes),
        objects=", ".join(thing.name for thing in lesson.objects),
        shape_count=len(lesson.shapes),
        object_count=len(lesson.objects),
        colours=", ".join(COLOURS),
        recoloured=", ".join(thing.name for thing in lesson.objects if thing.takes_colour),
        steps=seen.get("step", 0),
        pictures=round(seen.get("pictures", 0)),
        distilled_steps=distilled.get("step", 0),
        autoencoder_pictures=round(seen_by_autoencoder.get("pictures", 0)),
        millions=round(sum(weight.numel() for weight in network.parameters()) / 1e6, 1),
        default_steps=student.defaults["steps"],
        guidance=student.defaults["guidance"],
        sampler=student.defaults["sampler"],
    )


def fill_card(name: str, **facts: object) -> str:
    """Return a model card of ours, with what is true of this one and the notices that all carry."""
    shared = Template((_CARDS / "shared.txt").read_text()).substitute(
        package=data.PACKAGE, version=data.VERSION
    )
    return Template((_CARDS / f"{name}.txt").read_text()).substitute(
        shared=shared.rstrip(), **facts
    )


def _last_line(path: Path, *, having: str = "step") -> dict[str, float]:
    """Return the last report of a log that tells what is asked."""
    if not path.exists():
        return {}
    reports = [json.loads(line) for line in path.read_text().splitlines()]
    return next((report for report in reversed(reports) if having in report), {})
