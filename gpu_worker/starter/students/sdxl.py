"""The small model in SDXL's shape: a UNet that predicts velocity, told its picture's size."""

from collections.abc import Sequence
from pathlib import Path
from random import Random
from types import MappingProxyType

import torch
from diffusers import (
    AutoencoderKL,
    EulerAncestralDiscreteScheduler,
    StableDiffusionXLPipeline,
    UNet2DConditionModel,
)
from torch import nn
from torch.nn import functional
from transformers import CLIPTextModel, CLIPTextModelWithProjection

from gpu_worker.starter.student import DISPLAY, NATIVE_SIDE, draw_noise
from gpu_worker.starter.text import WIDTH, build_clip, to_tokens, write_clip_tokenizer

TRAIN_STEPS = 1000
_TOKENS = 77
_TIME_WIDTH = 32
_BETAS = (0.00085, 0.012)
# Outlines are decided between these times: half of the draws go there.
_OUTLINE_SHARE, _OUTLINE_TIMES = 0.5, (300, 900)
_OTHER_SIZES = 0.2


class SdxlStudent:
    """A `Student` of the parts of a `StableDiffusionXLPipeline`."""

    name = "sdxl"
    defaults = MappingProxyType({"steps": 16, "guidance": 3.0, "sampler": "euler_a", **DISPLAY})
    steps = 10_000

    def __init__(self, *, folder: Path, widths: Sequence[int] = (64, 128, 256)) -> None:
        self._tokenizer = write_clip_tokenizer(folder / "tokenizer", tokens=_TOKENS)
        self._encoder = build_clip(CLIPTextModel, self._tokenizer)
        self._encoder_2 = build_clip(CLIPTextModelWithProjection, self._tokenizer)
        self.network = _build_unet(widths).to(memory_format=torch.channels_last)
        self._shares = signal_shares()
        self.trained = nn.ModuleDict(
            {"unet": self.network, "encoder": self._encoder, "encoder_2": self._encoder_2}
        )

    def loss(self, latents: torch.Tensor, captions: Sequence[str], random: Random) -> torch.Tensor:
        return self.loss_through(self.network, latents, captions, random)

    def loss_through(
        self, unet: nn.Module, latents: torch.Tensor, captions: Sequence[str], random: Random
    ) -> torch.Tensor:
        """Return the squared error of a UNet's velocity (Salimans and Ho 2022)."""
        device = latents.device
        noise = draw_noise(latents, random)
        times = torch.tensor([_draw_time(random) for _ in captions], device=device)
        shares = self._shares.to(device)[times].view(-1, 1, 1, 1)
        signal, rest = shares.sqrt(), (1 - shares).sqrt()
        noisy = (signal * latents + rest * noise).contiguous(memory_format=torch.channels_last)
        sizes = torch.tensor([_draw_sizes(random) for _ in captions], device=device)
        embeds, pooled = self._condition(captions, device.type)
        velocity = unet(
            noisy,
            times,
            encoder_hidden_states=embeds,
            added_cond_kwargs={"text_embeds": pooled, "time_ids": sizes},
        ).sample
        return functional.mse_loss(velocity.float(), signal * noise - rest * latents)

    def _condition(self, captions: Sequence[str], device: str) -> tuple[torch.Tensor, torch.Tensor]:
        """Return what SDXL reads of each caption: [B, 77, 2 x width] and [B, width]."""
        tokens = to_tokens(self._tokenizer, captions, device=device)
        first = self._encoder(tokens, output_hidden_states=True).hidden_states[-2]
        second = self._encoder_2(tokens, output_hidden_states=True)
        return torch.cat([first, second.hidden_states[-2]], dim=-1), second.text_embeds

    def pipeline(self, autoencoder: AutoencoderKL) -> StableDiffusionXLPipeline:
        return StableDiffusionXLPipeline(
            vae=autoencoder,
            text_encoder=self._encoder,
            text_encoder_2=self._encoder_2,
            tokenizer=self._tokenizer,
            tokenizer_2=self._tokenizer,
            unet=self.network,
            scheduler=_build_scheduler(),
            force_zeros_for_empty_prompt=False,
            add_watermarker=False,
        )


def signal_shares() -> torch.Tensor:
    """Return how much of the picture's power is left at each of the 1000 times."""
    betas = torch.linspace(_BETAS[0] ** 0.5, _BETAS[1] ** 0.5, TRAIN_STEPS, dtype=torch.float64)
    return (1 - betas.square()).cumprod(dim=0).float()


def _build_unet(widths: Sequence[int]) -> UNet2DConditionModel:
    return UNet2DConditionModel(
        sample_size=NATIVE_SIDE // 8,
        in_channels=4,
        out_channels=4,
        block_out_channels=tuple(widths),
        layers_per_block=1,
        norm_num_groups=16,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        # No attention in the middle, where four by four places are left: it is a seventh of the
        # weights, and the blocks on both sides look at those places too.
        mid_block_type="UNetMidBlock2D",
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        transformer_layers_per_block=1,
        attention_head_dim=tuple(max(1, width // 32) for width in widths),
        use_linear_projection=True,
        cross_attention_dim=2 * WIDTH,
        addition_embed_type="text_time",
        addition_time_embed_dim=_TIME_WIDTH,
        projection_class_embeddings_input_dim=WIDTH + 6 * _TIME_WIDTH,
    )


def _build_scheduler() -> EulerAncestralDiscreteScheduler:
    return EulerAncestralDiscreteScheduler.from_config(
        {
            "beta_start": _BETAS[0],
            "beta_end": _BETAS[1],
            "beta_schedule": "scaled_linear",
            "num_train_timesteps": TRAIN_STEPS,
            "prediction_type": "v_prediction",
            "timestep_spacing": "trailing",
            "steps_offset": 1,
            # Other samplers take these over; their own defaults would turn latents to mush.
            "clip_sample": False,
            "set_alpha_to_one": False,
            "skip_prk_steps": True,
        }
    )


def _draw_time(random: Random) -> int:
    drawn = random.random() < _OUTLINE_SHARE
    return random.randrange(*_OUTLINE_TIMES) if drawn else random.randrange(TRAIN_STEPS)


def _draw_sizes(random: Random) -> list[float]:
    """Any size that is asked for must be one that the network has been told before."""
    other = random.random() < _OTHER_SIZES
    height, width = (
        float(random.randint(8, 32) * 8) if other else float(NATIVE_SIDE) for _ in range(2)
    )
    return [height, width, 0.0, 0.0, height, width]
