"""Trains the extractor beside a hider: first loud and in good weather, then quiet and in bad."""

from dataclasses import dataclass
from pathlib import Path
from random import Random

import torch
from torch.nn import functional

from gpu_worker.starter.checkpoints import LossLog, load_checkpoint, save_checkpoint
from gpu_worker.starter.signature.networks import BITS, Extractor, Hider
from gpu_worker.starter.signature.noise import weather
from gpu_worker.starter.signature.pictures import Album

_REPORT_STEPS = 25
_SAVE_STEPS = 100


@dataclass(frozen=True, kw_only=True)
class ExtractorRun:
    """How the extractor is trained; strengths are root mean squares of pixels in -1..1."""

    folder: Path
    steps: int
    batch: int = 16
    side: int = 96  # of the parts of pictures learned from
    learning_rate: float = 1e-3
    loud: float = 0.04
    quiet: float = 0.01
    calm_steps: int = 100  # in good weather
    shown_at: int = 1  # by how much pictures are enlarged before they are shown
    seed: int = 0
    device: str = "cpu"


def train_extractor(run: ExtractorRun, album: Album) -> Extractor:
    """Train, or go on from the last checkpoint."""
    torch.manual_seed(run.seed)
    extractor = Extractor().to(run.device)
    hider = Hider(extractor).to(run.device)
    parameters = [*extractor.parameters(), *hider.parameters()]
    optimiser = torch.optim.AdamW(parameters, lr=run.learning_rate, weight_decay=1e-4)
    checkpoint = run.folder / "extractor.pt"
    first = 0
    if checkpoint.exists():
        state = load_checkpoint(checkpoint)
        extractor.load_state_dict(state["extractor"])
        hider.load_state_dict(state["hider"])
        optimiser.load_state_dict(state["optimiser"])
        first = int(state["step"])
    log = LossLog(path=run.folder / "extractor.jsonl")
    right = 0.5
    for step in range(first, run.steps):
        for group in optimiser.param_groups:
            group["lr"] = run.learning_rate * _pace(step, run.steps)
        random = Random(f"{run.seed} extractor {step}")  # noqa: S311 repeatable on purpose
        loss, now = _lesson(run, step, random, album, extractor, hider)
        optimiser.zero_grad()
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimiser.step()
        right += 0.05 * (now - right)
        if step % _REPORT_STEPS == 0:
            log.write(step, loss=float(loss.detach()), right=right, strength=_strength(run, step))
        if (step + 1) % _SAVE_STEPS == 0 or step + 1 == run.steps:
            weights = {"extractor": extractor.state_dict(), "hider": hider.state_dict()}
            kept = {"step": step + 1, "optimiser": optimiser.state_dict()}
            save_checkpoint(checkpoint, {**weights, **kept})
    return extractor.cpu().eval()


def _lesson(
    run: ExtractorRun, step: int, random: Random, album: Album, extractor: Extractor, hider: Hider
) -> tuple[torch.Tensor, float]:
    """Return the loss of one batch, and the share of bits that were right."""
    pictures = album.take(random, run.batch, side=run.side).to(run.device)
    generator = torch.Generator().manual_seed(random.getrandbits(62))
    bits = torch.randint(0, 2, (run.batch, BITS), generator=generator).float().to(run.device)
    marked = hider(pictures, bits, _strength(run, step))
    roughness = min(1.0, max(0.0, (step - run.calm_steps) / max(1, run.calm_steps)))
    logits = extractor(weather(marked, random, roughness=0.9 * roughness, shown_at=run.shown_at))
    right = float(((logits > 0) == (bits > 0.5)).float().mean())
    return functional.binary_cross_entropy_with_logits(logits, bits), right


def _strength(run: ExtractorRun, step: int) -> float:
    """Stay loud in good weather, then fall to quiet by three quarters of the way."""
    fallen = (step - run.calm_steps) / max(1, 0.75 * run.steps - run.calm_steps)
    share = min(1.0, max(0.0, fallen))
    return float(run.loud ** (1 - share) * run.quiet**share)


def _pace(step: int, steps: int) -> float:
    """Rise over twenty steps, and fall to a twentieth over the last third."""
    return min(1.0, (step + 1) / 20) * min(1.0, max(0.05, 3 * (1 - step / steps)))
