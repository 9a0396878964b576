"""What the command line does: each verb over the cache, where the art and the checkpoints lie."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path

import torch
from diffusers import AutoencoderKL

from gpu_worker.starter.adopt import adopt_autoencoder, adopt_model
from gpu_worker.starter.data import Art, assemble, load_art
from gpu_worker.starter.export import export_model
from gpu_worker.starter.gallery import Gallery, paint_gallery
from gpu_worker.starter.sheet import PROMPTS, draw_pictures, lay_out
from gpu_worker.starter.student import Student
from gpu_worker.starter.students import FamilyName, open_student
from gpu_worker.starter.students.flux import FluxStudent
from gpu_worker.starter.train_autoencoder import AutoencoderRun, train_autoencoder, train_decoder
from gpu_worker.starter.training import TrainingRun, graft_folder, restore, train
from gpu_worker.starter.vocabulary import FIRST_LESSON, WHOLE_LESSON, Lesson, LessonName

_GALLERY_SCENES = {LessonName.FIRST: 32_768, LessonName.WHOLE: 65_536}
# The transformers need twice as many views of a thing as the UNet, which knows what a place is.
LESSONS = {
    FamilyName.SDXL: LessonName.WHOLE,
    FamilyName.SD3: LessonName.FIRST,
    FamilyName.FLUX: LessonName.FIRST,
}


@dataclass(frozen=True, kw_only=True)
class Workshop:
    """Where the art and a run's checkpoints lie, and what it runs on."""

    cache: Path
    device: str
    threads: int
    seed: int = 0
    is_compiled: bool = False

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

    def adopt(self, family: FamilyName, folder: Path) -> Path:
        """Take up a model folder that has shipped: its autoencoder, and its weights as trained."""
        adopt_autoencoder(folder, self.run_folder)
        student = self._student(family)
        return adopt_model(folder, student, self.run(1, 1).checkpoint(student))

    def train_autoencoder(self, *, steps: int) -> Path:
        run = self._autoencoder_run(steps)
        model = train_autoencoder(run, self.art())
        return self._save_autoencoder(model, "vae")

    def train_decoder(self, *, steps: int) -> Path:
        run = dataclasses.replace(self._autoencoder_run(steps), learning_rate=1e-3)
        model = train_decoder(run, self.autoencoder("vae"), self.art())
        return self._save_autoencoder(model, "vae-sharp")

    def train_model(
        self,
        family: FamilyName,
        *,
        steps: int | None,
        batch: int,
        lesson: LessonName | None,
        start_from: Path | None,
    ) -> Path:
        """Train a family; a run that begins may take over the weights of a model folder."""
        student = self._student(family)
        run = self.run(steps or student.steps, batch)
        path = run.checkpoint(student)
        if start_from is not None and not path.exists():
            graft_folder(student.trained, start_from, tokenizer=self.run_folder / "tokenizer")
        train(run, student, self._gallery(lesson or LESSONS[family]))
        return path

    def distil_guidance(self, *, steps: int, batch: int) -> Path:
        """Teach the trained Flux to be guided in one pass."""
        student = FluxStudent(folder=self.run_folder)
        run = self.run(steps, batch)
        restore(run, student)
        student.begin_distilling()
        train(run, student, self._gallery(LESSONS[FamilyName.FLUX]))
        return run.checkpoint(student)

    def draw_sheet(
        self, family: FamilyName, target: Path, *, steps: int | None, guidance: float | None
    ) -> Path:
        """Draw the contact sheet with the averaged weights of the last checkpoint."""
        torch.set_num_threads(self.threads)
        student = self._trained_student(family)
        pictures = draw_pictures(
            student.pipeline(self.best_autoencoder()),
            PROMPTS,
            steps=steps or int(str(student.defaults["steps"])),
            guidance=guidance or float(str(student.defaults["guidance"])),
            seed=1,
        )
        lay_out(pictures, PROMPTS).save(target)
        return target

    def export(self, family: FamilyName, folder: Path) -> Path:
        """Write the model folder."""
        return export_model(
            folder,
            self._trained_student(family),
            self.best_autoencoder(),
            run_folder=self.run_folder,
            lesson=_lesson(LESSONS[family]),
        )

    def _student(self, family: FamilyName) -> Student:
        torch.manual_seed(self.seed)
        return open_student(family, folder=self.run_folder)

    def _trained_student(self, family: FamilyName) -> Student:
        student = self._student(family)
        run = self.run(1, 1)
        if isinstance(student, FluxStudent):
            student.begin_distilling()
            if not run.checkpoint(student).exists():
                student = self._student(family)
        restore(run, student)
        return student

    def _gallery(self, name: LessonName) -> Gallery:
        return paint_gallery(
            self.cache / f"gallery-{name}.npz",
            self.autoencoder("vae"),
            self.art(),
            lesson=_lesson(name),
            count=_GALLERY_SCENES[name],
            seed=self.seed,
            device=self.device,
        )

    def run(self, steps: int, batch: int) -> TrainingRun:
        """Return how a part is trained here."""
        return TrainingRun(
            folder=self.run_folder,
            steps=steps,
            batch=batch,
            seed=self.seed,
            device=self.device,
            threads=self.threads,
            is_compiled=self.is_compiled,
        )

    def _autoencoder_run(self, steps: int) -> AutoencoderRun:
        return AutoencoderRun(
            folder=self.run_folder,
            steps=steps,
            seed=self.seed,
            device=self.device,
            threads=self.threads,
        )

    def best_autoencoder(self) -> AutoencoderKL:
        """Open the autoencoder, with the sharpened decoder if there is one."""
        sharp = (self.run_folder / "vae-sharp").exists()
        return self.autoencoder("vae-sharp" if sharp else "vae")

    def autoencoder(self, name: str) -> AutoencoderKL:
        """Open a trained autoencoder by the name of its folder."""
        return AutoencoderKL.from_pretrained(self.run_folder / name, local_files_only=True).eval()

    def _save_autoencoder(self, model: AutoencoderKL, name: str) -> Path:
        folder = self.run_folder / name
        model.save_pretrained(folder)
        return folder


def _lesson(name: LessonName) -> Lesson:
    return WHOLE_LESSON if name is LessonName.WHOLE else FIRST_LESSON
