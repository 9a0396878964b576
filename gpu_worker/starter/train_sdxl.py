"""Trains UNet and text encoders together to predict velocity, on scenes painted as needed."""

import copy
import time
from dataclasses import dataclass
from pathlib import Path
from random import Random

import torch
from diffusers import AutoencoderKL
from torch.nn import functional

from gpu_worker.starter.autoencoder import SCALING_FACTOR, encode_mean
from gpu_worker.starter.captions import write_caption
from gpu_worker.starter.checkpoints import LossLog, load_checkpoint, save_checkpoint
from gpu_worker.starter.data import Art
from gpu_worker.starter.pace import ThreadPace
from gpu_worker.starter.scenes import draw_scene, paint
from gpu_worker.starter.sdxl import NATIVE_SIDE, TRAIN_STEPS, Parts, build_parts, signal_shares
from gpu_worker.starter.train_autoencoder import to_pixels
from gpu_worker.starter.vocabulary import FIRST_LESSON, Lesson

_REPORT_STEPS = 50
_WARM_UP_STEPS = 100
_FALL_SHARE = 0.25
_EMA_DECAY = 0.997
_EMPTY_CAPTIONS = 0.1
# Outlines are decided between these times: half of the draws go there.
_OUTLINE_SHARE, _OUTLINE_TIMES = 0.5, (300, 900)
_OTHER_SIZES = 0.2


@dataclass(frozen=True, kw_only=True)
class SdxlRun:
    """How the model is trained; the steps may be changed when a run is taken up again."""

    folder: Path
    steps: int
    batch: int = 32
    side: int = NATIVE_SIDE
    widths: tuple[int, ...] = (64, 128, 256)
    learning_rate: float = 1e-3
    lesson: Lesson = FIRST_LESSON
    seed: int = 0
    device: str = "cpu"
    threads: int = 2
    save_every_s: float = 150.0


@dataclass(frozen=True, kw_only=True)
class _Batch:
    """Latents [B, 4, H, W], captions, and SDXL's size ids [B, 6]."""

    latents: torch.Tensor
    captions: list[str]
    size_ids: torch.Tensor


def load_parts(run: SdxlRun, *, averaged: bool) -> Parts:
    """Return the parts of a run's checkpoint."""
    parts = build_parts(run.folder / "tokenizer", widths=run.widths)
    state = load_checkpoint(run.folder / "sdxl.pt")
    parts.trained.load_state_dict(state["average" if averaged else "model"])
    return parts


def train_sdxl(run: SdxlRun, autoencoder: AutoencoderKL, art: Art) -> Parts:
    """Train, or go on from the last checkpoint; return the parts with averaged weights."""
    torch.manual_seed(run.seed)
    parts = build_parts(run.folder / "tokenizer", widths=run.widths)
    parts.unet.to(memory_format=torch.channels_last)
    trained = parts.trained.to(run.device).train()
    average = copy.deepcopy(trained).requires_grad_(requires_grad=False)
    autoencoder.to(run.device, memory_format=torch.channels_last).eval()
    optimiser = torch.optim.AdamW(
        trained.parameters(), lr=run.learning_rate, betas=(0.9, 0.99), weight_decay=0.01, fused=True
    )
    first, pictures = _resume(run, trained, average, optimiser)
    shares = signal_shares().to(run.device)
    log = LossLog(path=run.folder / "sdxl.jsonl")
    pace = ThreadPace(most=run.threads)
    saved_s, losses = time.monotonic(), list[float]()
    for step in range(first, run.steps):
        for group in optimiser.param_groups:
            group["lr"] = run.learning_rate * rate_share(step, run.steps)
        random = Random(f"{run.seed} sdxl {step}")  # noqa: S311 repeatable on purpose
        batch = _draw_batch(run, autoencoder, art, random)
        loss = _velocity_loss(parts, batch, shares, random)
        optimiser.zero_grad()
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(trained.parameters(), 1.0)
        optimiser.step()
        _follow(average, trained, step)
        pace.step_done()
        pictures += run.batch
        losses.append(float(loss.detach()))
        if (step + 1) % _REPORT_STEPS == 0 or step + 1 == run.steps:
            log.write(step + 1, loss=sum(losses) / len(losses), pictures=pictures)
            losses.clear()
        if time.monotonic() - saved_s > run.save_every_s or step + 1 == run.steps:
            state = {"step": step + 1, "pictures": pictures, "model": trained.state_dict()}
            state |= {"average": average.state_dict(), "optimiser": optimiser.state_dict()}
            save_checkpoint(run.folder / "sdxl.pt", state)
            saved_s = time.monotonic()
    trained.load_state_dict(average.state_dict())
    trained.cpu().eval()
    return parts


def rate_share(step: int, steps: int) -> float:
    """Return the learning rate's share: up in 100 steps, level, down over the last quarter."""
    rise = min(1.0, (step + 1) / _WARM_UP_STEPS)
    left = (steps - step) / (steps * _FALL_SHARE)
    return rise * max(0.02, min(1.0, left))


def _draw_batch(run: SdxlRun, autoencoder: AutoencoderKL, art: Art, random: Random) -> _Batch:
    pictures, captions, sizes = [], [], []
    lesson = run.lesson if art.objects else run.lesson.without_objects()
    for _ in range(run.batch):
        scene = draw_scene(random, lesson=lesson)
        pictures.append(paint(scene, art, random, side=run.side))
        empty = random.random() < _EMPTY_CAPTIONS
        captions.append("" if empty else write_caption(scene, random))
        # Any size asked for must be one that the network has been told before.
        other = random.random() < _OTHER_SIZES
        height, width = ((random.randint(8, 32) * 8 if other else run.side) for _ in range(2))
        sizes.append([height, width, 0, 0, height, width])
    pixels = to_pixels(pictures).to(run.device, memory_format=torch.channels_last)
    with torch.no_grad(), torch.autocast(run.device, torch.bfloat16):
        latents = encode_mean(autoencoder, pixels).float() * SCALING_FACTOR
    return _Batch(
        latents=latents,
        captions=captions,
        size_ids=torch.tensor(sizes, dtype=torch.float32, device=run.device),
    )


def _velocity_loss(
    parts: Parts, batch: _Batch, shares: torch.Tensor, random: Random
) -> torch.Tensor:
    latents = batch.latents
    device = latents.device
    generator = torch.Generator().manual_seed(random.getrandbits(62))
    noise = torch.randn(latents.shape, generator=generator).to(device)
    times = torch.tensor([_draw_time(random) for _ in batch.captions], device=device)
    signal = shares[times].sqrt().view(-1, 1, 1, 1)
    rest = (1 - shares[times]).sqrt().view(-1, 1, 1, 1)
    with torch.autocast(device.type, torch.bfloat16):
        embeds, pooled = parts.conditioning(batch.captions, device.type)
        velocity = parts.unet(
            (signal * latents + rest * noise).contiguous(memory_format=torch.channels_last),
            times,
            encoder_hidden_states=embeds,
            added_cond_kwargs={"text_embeds": pooled, "time_ids": batch.size_ids},
        ).sample
    return functional.mse_loss(velocity.float(), signal * noise - rest * latents)


def _draw_time(random: Random) -> int:
    drawn = random.random() < _OUTLINE_SHARE
    return random.randrange(*_OUTLINE_TIMES) if drawn else random.randrange(TRAIN_STEPS)


@torch.no_grad()
def _follow(average: torch.nn.Module, trained: torch.nn.Module, step: int) -> None:
    """Move the averaged weights a little towards the trained ones."""
    decay = min(_EMA_DECAY, (1 + step) / (10 + step))
    # As the library's own optimisers do; a loop is ten times slower.
    torch._foreach_lerp_(list(average.parameters()), list(trained.parameters()), 1 - decay)


def _resume(
    run: SdxlRun,
    trained: torch.nn.Module,
    average: torch.nn.Module,
    optimiser: torch.optim.Optimizer,
) -> tuple[int, int]:
    """Take up the last checkpoint, if there is one; return its steps and the pictures seen."""
    path = run.folder / "sdxl.pt"
    if not path.exists():
        return 0, 0
    state = load_checkpoint(path)
    trained.load_state_dict(state["model"])
    average.load_state_dict(state["average"])
    optimiser.load_state_dict(state["optimiser"])
    return int(state["step"]), int(state["pictures"])
