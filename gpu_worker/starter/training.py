"""Trains one family's parts on a gallery: the same loop for all, and it can be cut anywhere."""

import copy
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from gpu_worker.starter.adopt import read_parts
from gpu_worker.starter.captions import write_caption
from gpu_worker.starter.checkpoints import LossLog, follow, load_checkpoint, save_checkpoint
from gpu_worker.starter.gallery import Gallery
from gpu_worker.starter.pace import ThreadPace
from gpu_worker.starter.rates import rate_share
from gpu_worker.starter.scenes import Scene
from gpu_worker.starter.student import Student

_REPORT_STEPS = 50
_EMPTY_CAPTIONS = 0.1


@dataclass(frozen=True, kw_only=True)
class TrainingRun:
    """How a family is trained; the steps may be changed when a run is taken up again."""

    folder: Path
    steps: int
    batch: int = 32
    learning_rate: float = 1e-3
    seed: int = 0
    device: str = "cpu"
    threads: int = 2
    is_compiled: bool = False
    save_every_s: float = 150.0

    def checkpoint(self, student: Student) -> Path:
        return self.folder / f"{student.name}.pt"


def train(run: TrainingRun, student: Student, gallery: Gallery) -> None:
    """Train, or go on from the last checkpoint; the student is left with averaged weights."""
    torch.manual_seed(run.seed)
    trained = student.trained.to(run.device).train()
    average = copy.deepcopy(trained).requires_grad_(requires_grad=False)
    optimiser = torch.optim.AdamW(
        trained.parameters(), lr=run.learning_rate, betas=(0.9, 0.99), weight_decay=0.01, fused=True
    )
    first, pictures = _resume(run.checkpoint(student), trained, average, optimiser)
    if run.is_compiled:
        student.network.compile()
    log = LossLog(path=run.folder / f"{student.name}.jsonl")
    pace = ThreadPace(most=run.threads)
    saved_s, losses = time.monotonic(), list[float]()
    for step in range(first, run.steps):
        for group in optimiser.param_groups:
            group["lr"] = run.learning_rate * rate_share(step, run.steps)
        random = Random(f"{run.seed} {student.name} {step}")  # noqa: S311 repeatable on purpose
        scenes, latents = gallery.hang(random, run.batch)
        captions = _write_captions(scenes, random)
        # The other ways to attend take three times as long for heads as narrow as these.
        with torch.autocast(run.device, torch.bfloat16), sdpa_kernel(SDPBackend.MATH):
            loss = student.loss(latents.to(run.device), captions, random)
        optimiser.zero_grad()
        torch.autograd.backward(loss)
        nn.utils.clip_grad_norm_(trained.parameters(), 1.0)
        optimiser.step()
        follow(average, trained, step)
        pace.step_done()
        pictures += run.batch
        losses.append(float(loss.detach()))
        if (step + 1) % _REPORT_STEPS == 0 or step + 1 == run.steps:
            log.write(step + 1, loss=sum(losses) / len(losses), pictures=pictures)
            losses.clear()
        if time.monotonic() - saved_s > run.save_every_s or step + 1 == run.steps:
            state = {"step": step + 1, "pictures": pictures, "model": trained.state_dict()}
            state |= {"average": average.state_dict(), "optimiser": optimiser.state_dict()}
            save_checkpoint(run.checkpoint(student), state)
            saved_s = time.monotonic()
    trained.load_state_dict(average.state_dict())
    trained.cpu().eval()


def restore(run: TrainingRun, student: Student) -> None:
    """Give a student the averaged weights of its checkpoint."""
    student.trained.load_state_dict(load_checkpoint(run.checkpoint(student))["average"])
    student.trained.eval()


def graft_folder(trained: nn.ModuleDict, folder: Path, *, tokenizer: Path) -> int:
    """Begin with a model folder's weights where they fit; see `graft`."""
    return graft(
        trained,
        read_parts(trained, folder),
        vocabulary=read_vocabulary(tokenizer),
        donor_vocabulary=read_vocabulary(folder / "tokenizer"),
    )


def graft(
    trained: nn.Module,
    donor: Mapping[str, torch.Tensor],
    *,
    vocabulary: Mapping[str, int],
    donor_vocabulary: Mapping[str, int],
) -> int:
    """Begin with another run's weights where they fit; a token keeps its embedding by its piece.

    Returns how many tensors were taken over.
    """
    pieces = vocabulary.keys() & donor_vocabulary.keys()
    mine = [vocabulary[piece] for piece in sorted(pieces)]
    theirs = [donor_vocabulary[piece] for piece in sorted(pieces)]
    taken = 0
    with torch.no_grad():
        for name, weight in trained.named_parameters():
            other = donor.get(name)
            if other is None:
                continue
            if name.endswith("token_embedding.weight"):
                weight[mine] = other[theirs].to(weight)
            elif other.shape == weight.shape:
                weight.copy_(other)
            else:
                continue
            taken += 1
    return taken


def read_vocabulary(folder: Path) -> dict[str, int]:
    """Return the numbers of a CLIP tokenizer's pieces."""
    vocabulary: dict[str, int] = json.loads((folder / "vocab.json").read_text())
    return vocabulary


def _write_captions(scenes: Sequence[Scene], random: Random) -> list[str]:
    return [
        "" if random.random() < _EMPTY_CAPTIONS else write_caption(scene, random)
        for scene in scenes
    ]


def _resume(
    path: Path,
    trained: nn.Module,
    average: nn.Module,
    optimiser: torch.optim.Optimizer,
) -> tuple[int, int]:
    """Take up the last checkpoint, if there is one; return its steps and the pictures seen."""
    if not path.exists():
        return 0, 0
    state = load_checkpoint(path)
    trained.load_state_dict(state["model"])
    average.load_state_dict(state["average"])
    optimiser.load_state_dict(state["optimiser"])
    return int(state["step"]), int(state["pictures"])
