"""The small autoencoder: eight pixels a side become one latent of four channels."""

from collections.abc import Sequence

import torch
from diffusers import AutoencoderKL
from torch import nn
from torch.nn import functional

SCALING_FACTOR = 0.13025  # SDXL's own; the latents are folded to fit it
_LATENT_CHANNELS = 4
_LATENT_NOISE = 0.05
_WHITENING = 0.75
_LANES = 8


def build_autoencoder(widths: Sequence[int] = (16, 32, 64, 128)) -> AutoencoderKL:
    """Return an untrained autoencoder that begins as a blur, from which it learns fast."""
    model = AutoencoderKL(
        block_out_channels=tuple(widths),
        latent_channels=_LATENT_CHANNELS,
        norm_num_groups=1,
        layers_per_block=1,
        down_block_types=("DownEncoderBlock2D",) * len(widths),
        up_block_types=("UpDecoderBlock2D",) * len(widths),
        mid_block_add_attention=False,
        sample_size=128,
        scaling_factor=SCALING_FACTOR,
        force_upcast=False,
    )
    with torch.no_grad():
        _let_colours_through(model)
    return model


def _let_colours_through(model: AutoencoderKL) -> None:
    """Begin with a way for red, green and blue, and little beside it.

    Eight channels run from end to end: the colours, their negatives (x = silu(x) - silu(-x) passes
    the activation), and one and minus one, to which normalising leaves the colours in proportion.
    """
    for name, module in model.named_modules():
        if not isinstance(module, nn.Conv2d):
            continue
        if name.endswith(".conv2"):
            module.weight.mul_(0.1)
        elif "upsamplers" in name:
            nn.init.dirac_(module.weight)
        elif "downsamplers" in name:
            _init_average(module)
        elif name.endswith("conv_shortcut"):
            module.weight[:_LANES] = 0
            module.get_parameter("bias").zero_()
            nn.init.dirac_(module.weight[:_LANES])
    _tie_ends(model)


def _tie_ends(model: AutoencoderKL) -> None:
    """Put the colours on their lanes where pictures and latents enter, and take them off."""
    for entry in (model.encoder.conv_in, model.decoder.conv_in):
        entry.weight[:_LANES] = 0
        for colour in range(3):
            entry.weight[colour, colour, 1, 1] = 1
            entry.weight[colour + 3, colour, 1, 1] = -1
        entry.bias[:_LANES] = torch.tensor([0.0] * 6 + [1.0, -1.0])
    for way_out in (model.encoder.conv_out, model.decoder.conv_out):
        way_out.weight.mul_(0.1)
        way_out.bias.zero_()
        for colour in range(3):
            way_out.weight[colour, colour, 1, 1] = 0.5
            way_out.weight[colour, colour + 3, 1, 1] = -0.5
    for pointwise in (model.quant_conv, model.post_quant_conv):
        nn.init.dirac_(pointwise.weight)
        pointwise.bias.zero_()


def _init_average(convolution: nn.Conv2d) -> None:
    """Let a strided convolution begin as the mean of two by two."""
    convolution.weight.zero_()
    for channel in range(convolution.out_channels):
        convolution.weight[channel, channel, :2, :2] = 0.25


def encode_mean(model: AutoencoderKL, pixels: torch.Tensor) -> torch.Tensor:
    """Return latents as the autoencoder counts them: [B, 4, H / 8, W / 8]."""
    mean: torch.Tensor = model.encode(pixels).latent_dist.mean
    return mean


def reconstruct(
    model: AutoencoderKL, pixels: torch.Tensor, generator: torch.Generator, *, unit: float = 1.0
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return pixels after the way through slightly noisy latents (by `unit`), and the latents."""
    latents = encode_mean(model, pixels)
    noise = torch.randn(latents.shape, generator=generator).to(latents)
    decoded: torch.Tensor = model.decode(latents + _LATENT_NOISE * unit * noise).sample
    return decoded, latents


def reconstruction_loss(decoded: torch.Tensor, pixels: torch.Tensor) -> torch.Tensor:
    """Weigh colours, edges and coarse colours; each alone leaves something ugly."""
    difference = decoded - pixels
    across = difference[..., 1:] - difference[..., :-1]
    down = difference[..., 1:, :] - difference[..., :-1, :]
    coarse = functional.avg_pool2d(difference, 8)
    return (
        difference.abs().mean()
        + difference.square().mean()
        + 0.5 * (across.abs().mean() + down.abs().mean())
        + 0.5 * coarse.abs().mean()
    )


@torch.no_grad()
def fold_statistics(model: AutoencoderKL, latents: torch.Tensor) -> list[float]:
    """Turn the latents to their main axes, about evenly strong, without changing what is decoded.

    The diffusion model would leave out an axis far weaker than the others. `latents` are what
    `encode_mean` gave for a few hundred pictures; returns the deviations found, strongest first.
    """
    flat = latents.double().permute(1, 0, 2, 3).flatten(1)
    middle = flat.mean(dim=1)
    powers, axes = torch.linalg.eigh(torch.cov(flat))
    powers, axes = powers.flip(0).clamp_min(1e-12), axes.flip(1)
    partly = powers.sqrt() ** _WHITENING
    left = (powers / partly.square()).mean().sqrt()  # the spread that remains, brought to one
    gains = 1.0 / (partly * left * SCALING_FACTOR)
    into = torch.diag(gains) @ axes.T
    back = axes @ torch.diag(1.0 / gains)

    quant, post = model.quant_conv, model.post_quant_conv
    weight = quant.weight[:_LATENT_CHANNELS, :, 0, 0].double()
    bias = quant.bias[:_LATENT_CHANNELS].double()
    quant.weight.zero_()
    quant.weight[:_LATENT_CHANNELS, :, 0, 0] = (into @ weight).float()
    quant.bias[:_LATENT_CHANNELS] = (into @ (bias - middle)).float()
    # A fixed small spread: what `latent_dist.sample` adds to a picture to start from.
    spread = torch.tensor(_LATENT_NOISE / SCALING_FACTOR)
    quant.bias[_LATENT_CHANNELS:] = 2 * spread.log()
    inner = post.weight[:, :, 0, 0].double()
    post.bias.add_((inner @ middle).float())
    post.weight[:, :, 0, 0] = (inner @ back).float()
    return [float(power) for power in powers.sqrt()]
