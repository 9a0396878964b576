"""Teaches a decoder to draw one number into whatever it draws, as like itself as can be."""

import copy
from dataclasses import dataclass
from pathlib import Path
from random import Random

import torch
from diffusers import AutoencoderKL
from torch.nn import functional

from gpu_worker.starter.autoencoder import reconstruction_loss
from gpu_worker.starter.checkpoints import LossLog, save_checkpoint, take_up
from gpu_worker.starter.signature.networks import BITS, Extractor
from gpu_worker.starter.signature.noise import weather
from gpu_worker.starter.signature.pictures import Album

_REPORT_STEPS = 10
_SAVE_STEPS = 50


@dataclass(frozen=True, kw_only=True)
class TuningRun:
    """How a decoder is taught."""

    folder: Path
    signature: int
    steps: int = 400
    batch: int = 8
    side: int = 64  # of the parts of pictures learned from, whole cells
    learning_rate: float = 5e-4
    likeness: float = 2.0  # what staying like itself weighs against being read
    seed: int = 0
    device: str = "cpu"


def bits_of(signature: int) -> torch.Tensor:
    """Return a number's bits, the least first: [48] of 0 and 1."""
    return torch.tensor([float(signature >> place & 1) for place in range(BITS)])


def tune_decoder(
    run: TuningRun, autoencoder: AutoencoderKL, extractor: Extractor, album: Album
) -> AutoencoderKL:
    """Teach the decoder, or go on from the last checkpoint; encoder and latents stay."""
    plain = autoencoder.to(run.device).requires_grad_(requires_grad=False).eval()
    taught = copy.deepcopy(plain)
    taught.decoder.requires_grad_(requires_grad=True)
    extractor = extractor.to(run.device).requires_grad_(requires_grad=False).eval()
    bits = bits_of(run.signature).to(run.device)
    parameters = list(taught.decoder.parameters())
    optimiser = torch.optim.AdamW(parameters, lr=run.learning_rate, weight_decay=0)
    checkpoint = run.folder / "signed-decoder.pt"
    first = take_up(checkpoint, taught, optimiser)
    log = LossLog(path=run.folder / "signed-decoder.jsonl")
    for step in range(first, run.steps):
        for group in optimiser.param_groups:
            group["lr"] = run.learning_rate * _pace(step, run.steps)
        random = Random(f"{run.seed} signature {step}")  # noqa: S311 repeatable on purpose
        pixels = album.take(random, run.batch, side=run.side).to(run.device)
        with torch.no_grad():
            latents = plain.encode(pixels).latent_dist.mode()
            before = plain.decode(latents).sample
        after = taught.decode(latents).sample
        logits = extractor(weather(after.clamp(-1, 1), random, roughness=0.8))
        unread = functional.binary_cross_entropy_with_logits(logits, bits.expand_as(logits))
        loss = unread + run.likeness * reconstruction_loss(after, before)
        optimiser.zero_grad()
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimiser.step()
        if step % _REPORT_STEPS == 0 or step + 1 == run.steps:
            right = ((logits > 0) == (bits > 0.5)).float().mean()
            error = (after.clamp(-1, 1) - before.clamp(-1, 1)).detach().square().mean() / 4
            psnr = -10 * float(error.clamp_min(1e-9).log10())
            log.write(step, loss=float(loss.detach()), right=float(right), psnr=psnr)
        if (step + 1) % _SAVE_STEPS == 0 or step + 1 == run.steps:
            state = {"step": step + 1, "model": taught.state_dict()}
            save_checkpoint(checkpoint, {**state, "optimiser": optimiser.state_dict()})
    return taught.requires_grad_(requires_grad=False).cpu().eval()


def _pace(step: int, steps: int) -> float:
    """Rise over ten steps, and fall to a twentieth over the second half."""
    return min(1.0, (step + 1) / 10) * min(1.0, max(0.05, 2 * (1 - step / steps)))
