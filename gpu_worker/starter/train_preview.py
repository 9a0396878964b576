"""Trains the preview decoder to draw what the full one draws, and an encoder to go with it."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

import torch
from diffusers import AutoencoderKL, AutoencoderTiny

from gpu_worker.starter.checkpoints import LossLog, save_checkpoint, take_up
from gpu_worker.starter.preview import build_preview, decode_fully, encode_fully, peak_ratio_db
from gpu_worker.starter.rates import cosine_share
from gpu_worker.starter.upscaler import paint_large, to_values

_NAME = "preview"
_REPORT_STEPS = 50
_WARM_UP_STEPS = 100
_SAVE_EVERY_S = 60.0
# A preview is asked for while the latents are still rough.
_MOST_LATENT_NOISE = 0.3


@dataclass(frozen=True, kw_only=True)
class PreviewRun:
    """How the preview decoder is trained; what is in the folder is taken up again."""

    folder: Path
    steps: int
    batch: int = 8
    learning_rate: float = 2e-3
    seed: int = 0
    device: str = "cpu"
    threads: int = 1


def train_preview(
    run: PreviewRun, autoencoder: AutoencoderKL, drawings: Sequence[bytes]
) -> AutoencoderTiny:
    """Train, or go on from the last checkpoint; return the tiny autoencoder."""
    torch.manual_seed(run.seed)
    torch.set_num_threads(run.threads)
    tiny = build_preview().to(run.device, memory_format=torch.channels_last).train()
    autoencoder.to(run.device, memory_format=torch.channels_last).eval()
    optimiser = torch.optim.AdamW(tiny.parameters(), lr=run.learning_rate, betas=(0.9, 0.99))
    first = take_up(run.folder / f"{_NAME}.pt", tiny, optimiser)
    log, saved_s = LossLog(path=run.folder / f"{_NAME}.jsonl"), time.monotonic()
    for step in range(first, run.steps):
        for group in optimiser.param_groups:
            group["lr"] = run.learning_rate * cosine_share(
                step, run.steps, warm_up_steps=_WARM_UP_STEPS
            )
        random = Random(f"{run.seed} {_NAME} {step}")  # noqa: S311 repeatable on purpose
        painted = [paint_large(drawings, random, scale=1) for _ in range(run.batch)]
        pixels = (to_values(painted) * 2 - 1).to(run.device, memory_format=torch.channels_last)
        loss, ratio_db = _loss(tiny, autoencoder, pixels, random)
        optimiser.zero_grad()
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(tiny.parameters(), 0.5)
        optimiser.step()
        is_last = step + 1 == run.steps
        if (step + 1) % _REPORT_STEPS == 0 or is_last:
            log.write(step + 1, loss=float(loss.detach()), psnr=ratio_db)
        if is_last or time.monotonic() - saved_s > _SAVE_EVERY_S:
            state = {"step": step + 1, "model": tiny.state_dict()}
            save_checkpoint(
                run.folder / f"{_NAME}.pt", {**state, "optimiser": optimiser.state_dict()}
            )
            saved_s = time.monotonic()
    return tiny.cpu().eval()


def save_preview(tiny: AutoencoderTiny, folder: Path) -> Path:
    """Write the model folder in half precision; the caller's weights lose their precision too."""
    tiny.half().save_pretrained(folder)
    return folder


def _loss(
    tiny: AutoencoderTiny, autoencoder: AutoencoderKL, pixels: torch.Tensor, random: Random
) -> tuple[torch.Tensor, float]:
    """Return the loss of both halves, and how near the drawn pictures are in decibel."""
    generator = torch.Generator().manual_seed(random.getrandbits(62))
    with torch.autocast(pixels.device.type, torch.bfloat16):
        latents = encode_fully(autoencoder, pixels)
        noise = torch.randn(latents.shape, generator=generator).to(latents)
        shares = torch.rand(len(latents), 1, 1, 1, generator=generator).to(latents)
        rough = latents + noise * shares * _MOST_LATENT_NOISE
        wanted = decode_fully(autoencoder, rough).float().clamp(-1, 1)
        drawn = tiny.decode(rough).sample.float()
        encoded = tiny.encode(pixels).latents.float()
    difference = drawn - wanted
    across = difference[..., 1:] - difference[..., :-1]
    down = difference[..., 1:, :] - difference[..., :-1, :]
    edges = across.abs().mean() + down.abs().mean()
    pictures = difference.abs().mean() + difference.square().mean() + 0.25 * edges
    meant = (encoded - latents.float()).square().mean()
    return pictures + 0.5 * meant, peak_ratio_db(drawn.detach(), wanted, span=2)
