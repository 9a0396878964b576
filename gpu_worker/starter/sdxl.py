"""The small model in SDXL's shape: its parts, and the pipeline that they make."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from diffusers import (
    AutoencoderKL,
    EulerAncestralDiscreteScheduler,
    StableDiffusionXLPipeline,
    UNet2DConditionModel,
)
from torch import nn
from transformers import CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer

from gpu_worker.starter.text import WIDTH, build_encoders, write_tokenizer

NATIVE_SIDE = 128
TRAIN_STEPS = 1000
_TIME_WIDTH = 32
_BETAS = (0.00085, 0.012)
# The library starts embeddings at 0.02, too faint for a network that reads them unnormalised.
_EMBEDDING_SPREAD = 0.25


@dataclass(frozen=True, kw_only=True)
class Parts:
    """What is trained together."""

    unet: UNet2DConditionModel
    encoder: CLIPTextModel
    encoder_2: CLIPTextModelWithProjection
    tokenizer: CLIPTokenizer

    @property
    def trained(self) -> nn.ModuleDict:
        """The networks under the names that a checkpoint gives them."""
        return nn.ModuleDict(
            {"unet": self.unet, "encoder": self.encoder, "encoder_2": self.encoder_2}
        )

    def conditioning(
        self, captions: Sequence[str], device: str
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return what SDXL reads of each caption: [B, 77, 2 x width] and [B, width]."""
        tokens = self.tokenizer(
            list(captions),
            padding="max_length",
            max_length=self.tokenizer.model_max_length,
            truncation=True,
            return_tensors="pt",
        ).input_ids.to(device)
        first = self.encoder(tokens, output_hidden_states=True).hidden_states[-2]
        second = self.encoder_2(tokens, output_hidden_states=True)
        embeds = torch.cat([first, second.hidden_states[-2]], dim=-1)
        return embeds, second.text_embeds


def build_parts(tokenizer_folder: Path, *, widths: Sequence[int] = (64, 128, 256)) -> Parts:
    """Return untrained parts, and write the tokenizer's files into a folder."""
    tokenizer = write_tokenizer(tokenizer_folder)
    encoder, encoder_2 = build_encoders(tokenizer)
    for one in (encoder, encoder_2):
        for name, weight in one.named_parameters():
            if "embedding" in name:
                nn.init.normal_(weight, std=_EMBEDDING_SPREAD)
    unet = UNet2DConditionModel(
        sample_size=NATIVE_SIDE // 8,
        in_channels=4,
        out_channels=4,
        block_out_channels=tuple(widths),
        layers_per_block=1,
        norm_num_groups=16,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        transformer_layers_per_block=1,
        attention_head_dim=tuple(max(1, width // 32) for width in widths),
        use_linear_projection=True,
        cross_attention_dim=2 * WIDTH,
        addition_embed_type="text_time",
        addition_time_embed_dim=_TIME_WIDTH,
        projection_class_embeddings_input_dim=WIDTH + 6 * _TIME_WIDTH,
    )
    return Parts(unet=unet, encoder=encoder, encoder_2=encoder_2, tokenizer=tokenizer)


def signal_shares() -> torch.Tensor:
    """Return how much of the picture's power is left at each of the 1000 times."""
    betas = torch.linspace(_BETAS[0] ** 0.5, _BETAS[1] ** 0.5, TRAIN_STEPS, dtype=torch.float64)
    return (1 - betas.square()).cumprod(dim=0).float()


def assemble_pipeline(parts: Parts, autoencoder: AutoencoderKL) -> StableDiffusionXLPipeline:
    """Put the parts together as the pipeline that everyone knows."""
    scheduler = EulerAncestralDiscreteScheduler.from_config(
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
    pipeline = StableDiffusionXLPipeline(
        vae=autoencoder,
        text_encoder=parts.encoder,
        text_encoder_2=parts.encoder_2,
        tokenizer=parts.tokenizer,
        tokenizer_2=parts.tokenizer,
        unet=parts.unet,
        scheduler=scheduler,
        force_zeros_for_empty_prompt=False,
        add_watermarker=False,
    )
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def in_turn(prompts: Sequence[str], count: int) -> Iterator[Sequence[str]]:
    """Split prompts into batches."""
    for start in range(0, len(prompts), count):
        yield prompts[start : start + count]
