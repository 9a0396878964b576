"""Lets the judge look at what a training has reached, while it goes on."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

from diffusers import AutoencoderKL, DiffusionPipeline

from gpu_worker.starter.checkpoints import load_checkpoint
from gpu_worker.starter.judge.exam import ask, set_exam
from gpu_worker.starter.judge.network import Judge
from gpu_worker.starter.judge.scoring import Score, score
from gpu_worker.starter.sheet import draw_pictures
from gpu_worker.starter.students import FamilyName, open_student
from gpu_worker.starter.vocabulary import Lesson

_SEED = 1000


def watch(
    family: FamilyName, run_folder: Path, judge: Judge, lesson: Lesson, *, every: int
) -> Iterator[str]:
    """Draw one question in `every` with the averaged weights so far; give a line a part."""
    pipeline, defaults, step = _open(family, run_folder)
    yield f"{family} after {step} steps"
    for name, scenes in set_exam(lesson).items():
        some = scenes[::every]
        pictures = draw_pictures(
            pipeline,
            [ask(scene) for scene in some],
            steps=int(str(defaults["steps"])),
            guidance=float(str(defaults["guidance"])),
            seed=_SEED,
        )
        yield f"{name:20}{tell(score(judge, some, pictures))}"


def tell(result: Score) -> str:
    """Write a score as a line."""
    colour = "  -" if result.colour is None else f"{result.colour:4.0%}"
    return (
        f"{result.pictures:4d} pictures  top-1 {result.top_1:4.0%}  top-5 {result.top_5:4.0%}"
        f"  sure {result.sureness:4.0%}  colour {colour}  background {result.background:4.0%}"
    )


def _open(family: FamilyName, run_folder: Path) -> tuple[DiffusionPipeline, dict[str, object], int]:
    autoencoder = AutoencoderKL.from_pretrained(run_folder / "vae-sharp", local_files_only=True)
    # Not into the run's own folder, which is in use.
    with tempfile.TemporaryDirectory() as scratch:
        student = open_student(family, folder=Path(scratch))
        state = load_checkpoint(run_folder / f"{student.name}.pt")
        student.trained.load_state_dict(state["average"])
        student.trained.eval()
        return student.pipeline(autoencoder.eval()), dict(student.defaults), int(state["step"])
