"""The preview decoder: diffusers' own `AutoencoderTiny`, a fifth of the full decoder's work."""

import torch
from diffusers import AutoencoderKL, AutoencoderTiny

_WIDTH = 24
# Blocks from the latents' size up to the picture's: where a pixel costs 64 times less first.
_DECODER_BLOCKS, _ENCODER_BLOCKS = (6, 3, 1, 0), (0, 0, 1, 3)


def build_preview() -> AutoencoderTiny:
    """Return an untrained tiny autoencoder for latents as the networks count them, of unit size."""
    return AutoencoderTiny(
        encoder_block_out_channels=(_WIDTH,) * len(_ENCODER_BLOCKS),
        decoder_block_out_channels=(_WIDTH,) * len(_DECODER_BLOCKS),
        num_encoder_blocks=_ENCODER_BLOCKS,
        num_decoder_blocks=_DECODER_BLOCKS,
        scaling_factor=1.0,
    )


@torch.no_grad()
def encode_fully(autoencoder: AutoencoderKL, pixels: torch.Tensor) -> torch.Tensor:
    """Return the full encoder's latents of pixels in -1..1, as a network sees them."""
    latents: torch.Tensor = autoencoder.encode(pixels).latent_dist.mean
    return latents * float(autoencoder.config.scaling_factor)


@torch.no_grad()
def decode_fully(autoencoder: AutoencoderKL, latents: torch.Tensor) -> torch.Tensor:
    """Return the full decoder's pixels for latents as a network sees them."""
    pixels: torch.Tensor = autoencoder.decode(latents / autoencoder.config.scaling_factor).sample
    return pixels


def peak_ratio_db(one: torch.Tensor, other: torch.Tensor, *, span: float) -> float:
    """Return the PSNR of two pictures whose values may differ by `span` at most."""
    error = (one.float() - other.float()).square().mean().clamp_min(1e-12)
    return float(10 * (span**2 / error).log10())
