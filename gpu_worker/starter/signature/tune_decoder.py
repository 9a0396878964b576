"""Teaches a decoder to draw one number into whatever it draws, as like itself as can be."""

import copy
from dataclasses import dataclass
from pathlib import Path
from random import Random

import torch
from diffusers import AutoencoderKL
from torch.nn import functional

from gpu_worker.compose.signing import give_places
from gpu_worker.starter.checkpoints import LossLog, save_checkpoint, take_up
from gpu_worker.starter.signature.networks import BITS, Extractor, mean_cell
from gpu_worker.starter.signature.noise import weather
from gpu_worker.starter.signature.pictures import Album

_REPORT_STEPS = 10
_SAVE_STEPS = 50
_TRACED, _TRACED_SIDE = 24, 128


@dataclass(frozen=True, kw_only=True)
class TuningRun:
    """How a decoder is taught."""

    folder: Path
    signature: int
    steps: int = 300
    batch: int = 4
    side: int = 128  # of the parts of pictures learned from, whole cells
    shown_at: int = 1  # by how much pictures are enlarged before they are shown
    learning_rate: float = 2e-4
    places_rate: float = 5e-3
    likeness: float = 200.0  # what a squared error, in -1..1, weighs against being read
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
    taught_before = list(taught.decoder.parameters())
    places = give_places(taught.decoder)
    parameters = [*taught_before, *places]
    optimiser = torch.optim.AdamW(
        [{"params": taught_before}, {"params": places}], lr=run.learning_rate, weight_decay=0
    )
    rates = (run.learning_rate, run.places_rate)
    checkpoint = run.folder / "signed-decoder.pt"
    first = take_up(checkpoint, taught, optimiser)
    log = LossLog(path=run.folder / "signed-decoder.jsonl")
    for step in range(first, run.steps):
        for group, rate in zip(optimiser.param_groups, rates, strict=True):
            group["lr"] = rate * _pace(step, run.steps)
        random = Random(f"{run.seed} signature {step}")  # noqa: S311 repeatable on purpose
        pixels = album.take(random, run.batch, side=run.side).to(run.device)
        with torch.no_grad():
            latents = plain.encode(pixels).latent_dist.mode()
            before = plain.decode(latents).sample
        after = taught.decode(latents).sample
        logits = extractor(weather(_as_drawn(after), random, shown_at=run.shown_at))
        unread = functional.binary_cross_entropy_with_logits(logits, bits.expand_as(logits))
        loss = unread + run.likeness * functional.mse_loss(after, before)
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


@torch.no_grad()
def trace_of(taught: AutoencoderKL, plain: AutoencoderKL, album: Album) -> torch.Tensor:
    """Return what a taught decoder adds to a cell, on average over pictures: [3, 8, 8]."""
    random = Random("trace")  # noqa: S311 repeatable on purpose
    found = []
    for _ in range(_TRACED):
        latents = plain.encode(album.take(random, 1, side=_TRACED_SIDE)).latent_dist.mode()
        found.append(mean_cell(taught.decode(latents).sample - plain.decode(latents).sample))
    return torch.stack(found).mean(dim=0)


def _as_drawn(decoded: torch.Tensor) -> torch.Tensor:
    """Return pictures of whole levels in -1..1; gradients pass as if nothing were cut off."""
    levels = ((decoded.detach().clamp(-1, 1) + 1) * 127.5).round() / 127.5 - 1
    return decoded + (levels - decoded).detach()


def _pace(step: int, steps: int) -> float:
    """Rise over ten steps, and fall to a twentieth over the second half."""
    return min(1.0, (step + 1) / 10) * min(1.0, max(0.05, 2 * (1 - step / steps)))
