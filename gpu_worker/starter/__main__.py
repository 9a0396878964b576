"""Builds starter models: `python -m gpu_worker.starter VERB`, in the order of the verbs."""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from gpu_worker.starter import build_tiny_sdxl

if TYPE_CHECKING:
    from gpu_worker.starter.students import FamilyName
    from gpu_worker.starter.workshop import Workshop

_QUIET = {
    "TRANSFORMERS_VERBOSITY": "error",
    "DIFFUSERS_VERBOSITY": "error",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "HF_HUB_OFFLINE": "1",
    # Threads that spin while they wait make two threads slower than one beside a busy process.
    "OMP_WAIT_POLICY": "PASSIVE",
}
_STEPS = {"autoencoder": 1300, "decoder": 1000, "distilled": 1500}
_FAMILIES = ("sdxl", "sd3", "flux")
_PARTS = (
    *("autoencoder", "model", "decoder", "distilled"),
    *("lora", "controlnet", "upscaler", "preview"),
)
_STYLES = ("pixel-art", "line-drawing")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    chosen = _parser().parse_args(arguments)
    os.environ.update(_QUIET)
    if chosen.command == "build-tiny":
        made = build_tiny_sdxl(chosen.folder, seed=chosen.seed)
    else:
        made = _work(chosen)
    sys.stdout.write(f"{made}\n")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="gpu_worker.starter", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    tiny = commands.add_parser("build-tiny", help="a tiny SDXL folder with random weights")
    tiny.add_argument("folder", type=Path)
    tiny.add_argument("--seed", type=int, default=0)

    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("--cache", type=Path, default=Path("~/.cache/impasto-starter"))
    shared.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    shared.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    shared.add_argument("--seed", type=int, default=0)

    commands.add_parser("assemble", parents=[shared], help="fetch the art and pack it")
    families = argparse.ArgumentParser(add_help=False)
    families.add_argument("--family", choices=_FAMILIES, default="sdxl")
    _add_train(commands.add_parser("train", parents=[shared, families], help="train one part"))
    adopt = commands.add_parser(
        "adopt", parents=[shared, families], help="take up a model folder as if trained here"
    )
    adopt.add_argument("folder", type=Path)
    sheet = commands.add_parser("sheet", parents=[shared, families], help="draw a contact sheet")
    sheet.add_argument("target", type=Path)
    sheet.add_argument("--steps", type=int)
    sheet.add_argument("--guidance", type=float)
    export = commands.add_parser("export", parents=[shared, families], help="write a model folder")
    export.add_argument("folder", type=Path)
    export.add_argument("--part", choices=("model", "lora", "controlnet"), default="model")
    export.add_argument("--style", choices=_STYLES, help="of a LoRA")
    return parser


def _add_train(train: argparse.ArgumentParser) -> None:
    train.add_argument("--part", choices=_PARTS, default="model")
    train.add_argument("--resume", action="store_true", help="go on from the last checkpoint")
    train.add_argument("--start-from", type=Path, help="a model folder whose weights to begin with")
    train.add_argument("--steps", type=int, help="in all, those before a resume included")
    train.add_argument("--batch", type=int, default=32)
    train.add_argument(
        "--compile", action="store_true", help="a third faster, after minutes of compiling"
    )
    train.add_argument("--lesson", choices=("first", "whole"), help="how much to teach")
    train.add_argument("--style", choices=_STYLES, help="of a LoRA")
    train.add_argument("--to", type=Path, help="where upscalers or the preview decoder go")


def _work(chosen: argparse.Namespace) -> Path:
    from gpu_worker.starter.data import assemble
    from gpu_worker.starter.students import FamilyName
    from gpu_worker.starter.workshop import Workshop

    cache: Path = chosen.cache.expanduser()
    if chosen.command == "assemble":
        return assemble(cache)
    workshop = Workshop(
        cache=cache,
        device=chosen.device,
        threads=chosen.threads,
        seed=chosen.seed,
        is_compiled=getattr(chosen, "compile", False),
    )
    family = FamilyName(chosen.family)
    if chosen.command == "adopt":
        return workshop.adopt(family, chosen.folder)
    if chosen.command == "train":
        return _train(chosen, workshop, family)
    if chosen.command == "sheet":
        return workshop.draw_sheet(
            family, chosen.target, steps=chosen.steps, guidance=chosen.guidance
        )
    return _export(chosen, workshop, family)


def _train(chosen: argparse.Namespace, workshop: "Workshop", family: "FamilyName") -> Path:
    from gpu_worker.starter.companion_workshop import CompanionWorkshop
    from gpu_worker.starter.vocabulary import LessonName

    if not chosen.resume:
        for name in _checkpoints(chosen):
            workshop.start_over(name)
    companions = CompanionWorkshop(workshop=workshop)
    match chosen.part:
        case "autoencoder":
            return workshop.train_autoencoder(steps=chosen.steps or _STEPS["autoencoder"])
        case "decoder":
            return workshop.train_decoder(steps=chosen.steps or _STEPS["decoder"])
        case "distilled":
            steps = chosen.steps or _STEPS["distilled"]
            return workshop.distil_guidance(steps=steps, batch=chosen.batch)
        case "lora":
            return companions.train_lora(chosen.style or _STYLES[0], steps=chosen.steps)
        case "controlnet":
            return companions.train_controlnet(steps=chosen.steps)
        case "upscaler":
            target = chosen.to or workshop.cache / "export/upscaler"
            return companions.train_upscalers(target, steps=chosen.steps)
        case "preview":
            target = chosen.to or workshop.cache / "export/preview"
            return companions.train_preview(target, steps=chosen.steps)
        case _:
            return workshop.train_model(
                family,
                steps=chosen.steps,
                batch=chosen.batch,
                lesson=LessonName(chosen.lesson) if chosen.lesson else None,
                start_from=chosen.start_from,
            )


def _export(chosen: argparse.Namespace, workshop: "Workshop", family: "FamilyName") -> Path:
    from gpu_worker.starter.companion_workshop import CompanionWorkshop

    companions = CompanionWorkshop(workshop=workshop)
    match chosen.part:
        case "lora":
            return companions.export_lora(chosen.style or _STYLES[0], chosen.folder)
        case "controlnet":
            return companions.export_controlnet(chosen.folder)
        case _:
            return workshop.export(family, chosen.folder)


def _checkpoints(chosen: argparse.Namespace) -> tuple[str, ...]:
    """Return the names of the checkpoints that a part is kept under."""
    match chosen.part:
        case "model":
            return (chosen.family,)
        case "distilled":
            return ("flux-distilled",)
        case "lora":
            return (f"lora-{chosen.style or _STYLES[0]}",)
        case "controlnet":
            return ("controlnet-edges",)
        case "upscaler":
            return ("upscaler-x2", "upscaler-x4")
        case _:
            return (chosen.part,)


if __name__ == "__main__":
    sys.exit(main())
