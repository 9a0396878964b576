"""The small model in Stable Diffusion 3's shape: a joint transformer that predicts a flow."""

from collections.abc import Sequence
from pathlib import Path
from random import Random
from types import MappingProxyType

import torch
from diffusers import (
    AutoencoderKL,
    FlowMatchEulerDiscreteScheduler,
    SD3Transformer2DModel,
    StableDiffusion3Pipeline,
)
from torch import nn
from transformers import CLIPTextModelWithProjection

from gpu_worker.starter.flow import draw_length, flow_loss, start_quietly
from gpu_worker.starter.student import DISPLAY, NATIVE_SIDE, SEQUENCE
from gpu_worker.starter.text import (
    T5_WIDTH,
    WIDTH,
    build_clip,
    build_t5,
    build_t5_tokenizer,
    to_tokens,
    write_clip_tokenizer,
)

_HEAD = 64
_LONG_SEQUENCE = 256  # what the stock pipeline asks of T5 unless it is told otherwise


class Sd3Student:
    """A `Student` of the parts of a `StableDiffusion3Pipeline`."""

    name = "sd3"
    defaults = MappingProxyType({"steps": 16, "guidance": 3.0, "sampler": "flow_euler", **DISPLAY})
    steps = 8_000

    def __init__(self, *, folder: Path, width: int = 256, layers: int = 4) -> None:
        self._tokenizer = write_clip_tokenizer(folder / "tokenizer", tokens=SEQUENCE)
        self._tokenizer_3 = build_t5_tokenizer(tokens=SEQUENCE)
        self._encoder = build_clip(CLIPTextModelWithProjection, self._tokenizer)
        self._encoder_2 = build_clip(CLIPTextModelWithProjection, self._tokenizer)
        self._encoder_3 = build_t5(self._tokenizer_3)
        self.network = SD3Transformer2DModel(
            sample_size=NATIVE_SIDE // 8,
            patch_size=2,
            in_channels=4,
            out_channels=4,
            num_layers=layers,
            attention_head_dim=_HEAD,
            num_attention_heads=width // _HEAD,
            joint_attention_dim=T5_WIDTH,
            caption_projection_dim=width,
            pooled_projection_dim=2 * WIDTH,
            pos_embed_max_size=32,
            qk_norm="rms_norm",
        )
        start_quietly(self.network)
        self.trained = nn.ModuleDict(
            {
                "transformer": self.network,
                "encoder": self._encoder,
                "encoder_2": self._encoder_2,
                "encoder_3": self._encoder_3,
            }
        )

    def loss(self, latents: torch.Tensor, captions: Sequence[str], random: Random) -> torch.Tensor:
        length = draw_length(random, SEQUENCE, _LONG_SEQUENCE)
        embeds, pooled = self._condition(captions, latents.device.type, length)
        # A rare length is not worth the minutes that compiling for it would take.
        run = self.network if length == SEQUENCE else self.network.forward

        def predict(noisy: torch.Tensor, times: torch.Tensor) -> torch.Tensor:
            predicted: torch.Tensor = run(
                hidden_states=noisy,
                encoder_hidden_states=embeds,
                pooled_projections=pooled,
                timestep=times * 1000,
            ).sample
            return predicted

        return flow_loss(latents, random, predict)

    def _condition(
        self, captions: Sequence[str], device: str, length: int
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return what SD3 reads: CLIP's tokens before T5's [B, tokens, 256], and both sums."""
        tokens = to_tokens(self._tokenizer, captions, device=device)
        outputs = [
            encoder(tokens, output_hidden_states=True)
            for encoder in (self._encoder, self._encoder_2)
        ]
        clip = torch.cat([output.hidden_states[-2] for output in outputs], dim=-1)
        t5 = self._encoder_3(to_tokens(self._tokenizer_3, captions, device=device, length=length))
        pooled = torch.cat([output.text_embeds for output in outputs], dim=-1)
        return torch.cat([clip, t5.last_hidden_state.to(clip.dtype)], dim=1), pooled

    def pipeline(self, autoencoder: AutoencoderKL) -> StableDiffusion3Pipeline:
        autoencoder.register_to_config(shift_factor=0.0)
        return StableDiffusion3Pipeline(
            transformer=self.network,
            scheduler=FlowMatchEulerDiscreteScheduler(shift=1.0),
            vae=autoencoder,
            text_encoder=self._encoder,
            tokenizer=self._tokenizer,
            text_encoder_2=self._encoder_2,
            tokenizer_2=self._tokenizer,
            text_encoder_3=self._encoder_3,
            tokenizer_3=self._tokenizer_3,
        )
