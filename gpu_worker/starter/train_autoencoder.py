"""Trains the small autoencoder, and later its decoder alone while the latents stay as they are."""

from dataclasses import dataclass
from pathlib import Path
from random import Random

import numpy
import torch
from diffusers import AutoencoderKL

from gpu_worker.starter.autoencoder import (
    SCALING_FACTOR,
    build_autoencoder,
    encode_mean,
    fold_statistics,
    reconstruct,
    reconstruction_loss,
)
from gpu_worker.starter.checkpoints import LossLog, save_checkpoint, take_up
from gpu_worker.starter.data import Art
from gpu_worker.starter.pace import ThreadPace
from gpu_worker.starter.scenes import draw_scene, paint, paint_other
from gpu_worker.starter.vocabulary import WHOLE_LESSON

_REPORT_STEPS = 25
_SAVE_STEPS = 100
_FOLD_PICTURES = 384


@dataclass(frozen=True, kw_only=True)
class AutoencoderRun:
    """How the autoencoder is trained."""

    folder: Path
    steps: int
    batch: int = 8
    side: int = 128
    learning_rate: float = 2e-3
    seed: int = 0
    device: str = "cpu"
    threads: int = 2


def draw_pictures(art: Art, random: Random, count: int, *, side: int) -> torch.Tensor:
    """Return training pictures, one in five without a word: [count, 3, side, side] in -1..1."""
    pictures = []
    lesson = WHOLE_LESSON if art.objects else WHOLE_LESSON.without_objects()
    for _ in range(count):
        if art.others and random.random() < 0.2:
            pictures.append(paint_other(art, random, side=side))
        else:
            scene = draw_scene(random, lesson=lesson, shapes=0.25)
            pictures.append(paint(scene, art, random, side=side))
    return to_pixels(pictures)


def to_pixels(pictures: list[numpy.ndarray]) -> torch.Tensor:
    """Turn pictures into what an autoencoder takes: [B, 3, H, W] in -1..1."""
    stacked = torch.from_numpy(numpy.stack(pictures)).permute(0, 3, 1, 2)
    return stacked.contiguous().float() / 127.5 - 1


def train_autoencoder(run: AutoencoderRun, art: Art) -> AutoencoderKL:
    """Train, or go on from the last checkpoint; return the folded autoencoder, ready to save."""
    torch.manual_seed(run.seed)
    model = build_autoencoder().to(run.device, memory_format=torch.channels_last)
    _optimise(run, model, list(model.parameters()), art, name="autoencoder")
    model.eval()
    random = Random(f"{run.seed} fold")  # noqa: S311 repeatable on purpose
    batches = []
    with torch.no_grad():
        for _ in range(_FOLD_PICTURES // 32):
            pixels = draw_pictures(art, random, 32, side=run.side).to(run.device)
            batches.append(encode_mean(model, pixels).cpu())
        deviations = fold_statistics(model.cpu(), torch.cat(batches))
    LossLog(path=run.folder / "autoencoder.jsonl").write(
        run.steps, **{f"deviation_{index}": value for index, value in enumerate(deviations)}
    )
    return model


def train_decoder(run: AutoencoderRun, model: AutoencoderKL, art: Art) -> AutoencoderKL:
    """Sharpen the decoder of a folded autoencoder; a diffusion model trained on it stays right."""
    model.requires_grad_(requires_grad=False)
    model.decoder.requires_grad_(requires_grad=True)
    model.to(run.device, memory_format=torch.channels_last)
    _optimise(run, model, list(model.decoder.parameters()), art, name="decoder")
    return model.cpu().eval()


def _optimise(
    run: AutoencoderRun,
    model: AutoencoderKL,
    parameters: list[torch.nn.Parameter],
    art: Art,
    *,
    name: str,
) -> None:
    optimiser = torch.optim.AdamW(
        parameters, lr=run.learning_rate, betas=(0.9, 0.98), weight_decay=1e-3
    )
    checkpoint = run.folder / f"{name}.pt"
    first = take_up(checkpoint, model, optimiser)
    log = LossLog(path=run.folder / f"{name}.jsonl")
    # A folded autoencoder counts its latents in other units: the noise must be small in those.
    unit = 1 / SCALING_FACTOR if name == "decoder" else 1.0
    pace = ThreadPace(most=run.threads)
    for step in range(first, run.steps):
        random = Random(f"{run.seed} {name} {step}")  # noqa: S311 repeatable on purpose
        generator = torch.Generator().manual_seed(random.getrandbits(62))
        pixels = draw_pictures(art, random, run.batch, side=run.side)
        pixels = pixels.to(run.device, memory_format=torch.channels_last)
        _set_rate(optimiser, run, step)
        with torch.autocast(run.device, torch.bfloat16):
            decoded, latents = reconstruct(model, pixels, generator, unit=unit)
        loss = reconstruction_loss(decoded.float(), pixels)
        if name == "autoencoder":
            loss = loss + 1e-3 * latents.float().square().mean()
        optimiser.zero_grad()
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimiser.step()
        pace.step_done()
        if step % _REPORT_STEPS == 0 or step + 1 == run.steps:
            error = (decoded.detach().float() - pixels).square().mean() / 4
            psnr = -10 * float(error.clamp_min(1e-9).log10())
            log.write(
                step, loss=float(loss.detach()), psnr=psnr, pictures=float((step + 1) * run.batch)
            )
        if (step + 1) % _SAVE_STEPS == 0 or step + 1 == run.steps:
            state = {"step": step + 1, "model": model.state_dict()}
            save_checkpoint(checkpoint, {**state, "optimiser": optimiser.state_dict()})


def _set_rate(optimiser: torch.optim.Optimizer, run: AutoencoderRun, step: int) -> None:
    """Rise over thirty steps, and fall to a twentieth over the second half."""
    rise = min(1.0, (step + 1) / 30)
    done = step / run.steps
    fall = 1.0 if done < 0.5 else max(0.05, 2 * (1 - done))
    for group in optimiser.param_groups:
        group["lr"] = run.learning_rate * rise * fall
