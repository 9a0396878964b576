"""What the command line does for the companions of sdxl: styles, edges, enlarging, previews."""

from dataclasses import dataclass
from pathlib import Path

import torch

from gpu_worker.starter.checkpoints import load_checkpoint
from gpu_worker.starter.companions import load_base
from gpu_worker.starter.data import archive_in
from gpu_worker.starter.student import Student
from gpu_worker.starter.students.sdxl import SdxlStudent
from gpu_worker.starter.train_controlnet import (
    ControlnetStudent,
    export_controlnet,
    paint_moved_gallery,
)
from gpu_worker.starter.train_lora import LoraStudent, export_lora, paint_styled_gallery
from gpu_worker.starter.train_preview import PreviewRun, save_preview, train_preview
from gpu_worker.starter.train_upscaler import UpscalerRun, train_upscalers
from gpu_worker.starter.training import train
from gpu_worker.starter.upscaler import read_drawings
from gpu_worker.starter.workshop import Workshop

BATCH = 16
UPSCALER_STEPS, PREVIEW_STEPS = 2400, 1500


@dataclass(frozen=True, kw_only=True)
class CompanionWorkshop:
    """The companions' part of a workshop; the sdxl model must have been trained."""

    workshop: Workshop

    def train_lora(self, style: str, *, steps: int | None) -> Path:
        """Train a style's LoRA."""
        student = LoraStudent(base=self._base(), style=style)
        gallery = paint_styled_gallery(
            self._gallery_path(student),
            self.workshop.autoencoder("vae"),
            self.workshop.art(),
            style=style,
            seed=self.workshop.seed,
            device=self.workshop.device,
        )
        run = self.workshop.run(steps or student.steps, BATCH)
        train(run, student, gallery)
        return run.checkpoint(student)

    def train_controlnet(self, *, steps: int | None) -> Path:
        """Train the ControlNet that follows edges."""
        student = ControlnetStudent(base=self._base())
        gallery = paint_moved_gallery(
            self._gallery_path(student),
            self.workshop.autoencoder("vae"),
            self.workshop.art(),
            seed=self.workshop.seed,
            device=self.workshop.device,
        )
        run = self.workshop.run(steps or student.steps, BATCH)
        train(run, student, gallery)
        return run.checkpoint(student)

    def train_upscalers(self, target: Path, *, steps: int | None) -> Path:
        """Train the networks that enlarge twice and four times; write them into a folder."""
        run = UpscalerRun(
            folder=self.workshop.run_folder,
            steps=steps or UPSCALER_STEPS,
            seed=self.workshop.seed,
            device=self.workshop.device,
            threads=self.workshop.threads,
        )
        drawings = read_drawings(archive_in(self.workshop.cache)).training
        return train_upscalers(run, self.workshop.best_autoencoder(), drawings, target)

    def train_preview(self, target: Path, *, steps: int | None) -> Path:
        """Train the small decoder for previews; write it into a folder."""
        run = PreviewRun(
            folder=self.workshop.run_folder,
            steps=steps or PREVIEW_STEPS,
            seed=self.workshop.seed,
            device=self.workshop.device,
            threads=self.workshop.threads,
        )
        drawings = read_drawings(archive_in(self.workshop.cache)).training
        return save_preview(train_preview(run, self.workshop.best_autoencoder(), drawings), target)

    def export_lora(self, style: str, folder: Path) -> Path:
        """Write the folder of a trained LoRA."""
        student = LoraStudent(base=self._base(), style=style)
        weights = self._average(student)
        # The checkpoint holds the base too, as it was then; the one of now is the better one.
        learned = {name: weight for name, weight in weights.items() if ".lora_" in name}
        student.trained.load_state_dict(learned, strict=False)
        return export_lora(folder, student, run_folder=self.workshop.run_folder)

    def export_controlnet(self, folder: Path) -> Path:
        """Write the folder of the trained ControlNet."""
        student = ControlnetStudent(base=self._base())
        student.trained.load_state_dict(self._average(student))
        return export_controlnet(folder, student, run_folder=self.workshop.run_folder)

    def _base(self) -> SdxlStudent:
        folder = self.workshop.run_folder
        return load_base(folder / "sdxl.pt", folder=folder)

    def _gallery_path(self, student: Student) -> Path:
        return self.workshop.cache / f"gallery-{student.name}.npz"

    def _average(self, student: Student) -> dict[str, torch.Tensor]:
        path = self.workshop.run(1, 1).checkpoint(student)
        weights: dict[str, torch.Tensor] = load_checkpoint(path)["average"]
        return weights
