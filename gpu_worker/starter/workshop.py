"""The steps from art to a model folder, each taking up what the last one left in the cache."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path

import numpy
import torch
from diffusers import AutoencoderKL

from gpu_worker.starter.data import Art, assemble, load_art
from gpu_worker.starter.export import export_sdxl
from gpu_worker.starter.sdxl import assemble_pipeline
from gpu_worker.starter.sheet import PROMPTS, draw_pictures, lay_out
from gpu_worker.starter.train_autoencoder import AutoencoderRun, train_autoencoder, train_decoder
from gpu_worker.starter.train_sdxl import SdxlRun, load_parts, train_sdxl
from gpu_worker.starter.vocabulary import FIRST_LESSON, WHOLE_LESSON


@dataclass(frozen=True, kw_only=True)
class Workshop:
    """Where the art and a run's checkpoints lie, and what it runs on."""

    cache: Path
    device: str
    threads: int
    seed: int = 0

    @property
    def run_folder(self) -> Path:
        folder = self.cache / "run"
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def art(self) -> Art:
        """Read the art, assembling it first if need be."""
        path = self.cache / "art.npz"
        return load_art(path if path.exists() else assemble(self.cache))

    def start_over(self, part: str) -> None:
        """Forget a part's checkpoint."""
        (self.run_folder / f"{part}.pt").unlink(missing_ok=True)

    def train_autoencoder(self, *, steps: int) -> Path:
        run = self._autoencoder_run(steps)
        model = train_autoencoder(run, self.art())
        return self._save_autoencoder(model, "vae")

    def train_decoder(self, *, steps: int) -> Path:
        run = dataclasses.replace(self._autoencoder_run(steps), learning_rate=1e-3)
        model = train_decoder(run, self._autoencoder("vae"), self.art())
        return self._save_autoencoder(model, "vae-sharp")

    def train_sdxl(self, *, steps: int, batch: int, is_first_lesson: bool) -> Path:
        lesson = FIRST_LESSON if is_first_lesson else WHOLE_LESSON
        run = dataclasses.replace(self._sdxl_run(steps, batch), lesson=lesson)
        train_sdxl(run, self._autoencoder("vae"), self.art())
        return self.run_folder / "sdxl.pt"

    def draw_sheet(self, target: Path, *, steps: int, guidance: float) -> Path:
        """Draw the contact sheet with the averaged weights of the last checkpoint."""
        torch.set_num_threads(self.threads)
        pictures = self._draw(steps=steps, guidance=guidance)
        lay_out(pictures, PROMPTS).save(target)
        return target

    def export(self, folder: Path) -> Path:
        """Write the model folder."""
        parts = load_parts(self._sdxl_run(1, 1), averaged=True)
        return export_sdxl(folder, parts, self._best_autoencoder(), run_folder=self.run_folder)

    def _draw(self, *, steps: int, guidance: float) -> list[numpy.ndarray]:
        run = self._sdxl_run(1, 1)
        pipeline = assemble_pipeline(load_parts(run, averaged=True), self._best_autoencoder())
        return draw_pictures(
            pipeline, PROMPTS, steps=steps, guidance=guidance, seed=1, side=run.side
        )

    def _sdxl_run(self, steps: int, batch: int) -> SdxlRun:
        return SdxlRun(
            folder=self.run_folder,
            steps=steps,
            batch=batch,
            seed=self.seed,
            device=self.device,
            threads=self.threads,
        )

    def _autoencoder_run(self, steps: int) -> AutoencoderRun:
        return AutoencoderRun(
            folder=self.run_folder,
            steps=steps,
            seed=self.seed,
            device=self.device,
            threads=self.threads,
        )

    def _best_autoencoder(self) -> AutoencoderKL:
        sharp = (self.run_folder / "vae-sharp").exists()
        return self._autoencoder("vae-sharp" if sharp else "vae")

    def _autoencoder(self, name: str) -> AutoencoderKL:
        return AutoencoderKL.from_pretrained(self.run_folder / name, local_files_only=True).eval()

    def _save_autoencoder(self, model: AutoencoderKL, name: str) -> Path:
        folder = self.run_folder / name
        model.save_pretrained(folder)
        return folder
