"""The small model in Flux's shape: packed latents, double and single blocks, guidance distilled."""

import copy
from collections.abc import Sequence
from pathlib import Path
from random import Random
from types import MappingProxyType

import torch
from diffusers import (
    AutoencoderKL,
    FlowMatchEulerDiscreteScheduler,
    FluxPipeline,
    FluxTransformer2DModel,
)
from torch import nn
from torch.nn import functional
from transformers import CLIPTextModel

from gpu_worker.starter.flow import draw_length, draw_times, flow_loss, start_quietly
from gpu_worker.starter.student import DISPLAY, NATIVE_SIDE, SEQUENCE, draw_noise
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
_ROPE = (16, 24, 24)
_LONG_SEQUENCE = 512  # what the stock pipeline asks of T5 unless it is told otherwise
_PATCHES = NATIVE_SIDE // 16
_GUIDANCE = (1.0, 8.0)


class FluxStudent:
    """A `Student` of the parts of a `FluxPipeline`."""

    defaults = MappingProxyType({"steps": 16, "guidance": 3.5, "sampler": "flow_euler", **DISPLAY})
    steps = 8_000

    def __init__(
        self, *, folder: Path, width: int = 256, double_layers: int = 2, single_layers: int = 3
    ) -> None:
        self.name = "flux"
        self._tokenizer = write_clip_tokenizer(folder / "tokenizer", tokens=SEQUENCE)
        self._tokenizer_2 = build_t5_tokenizer(tokens=SEQUENCE)
        self._encoder = build_clip(CLIPTextModel, self._tokenizer)
        self._encoder_2 = build_t5(self._tokenizer_2)
        self.network = FluxTransformer2DModel(
            patch_size=1,
            in_channels=16,
            num_layers=double_layers,
            num_single_layers=single_layers,
            attention_head_dim=_HEAD,
            num_attention_heads=width // _HEAD,
            joint_attention_dim=T5_WIDTH,
            pooled_projection_dim=WIDTH,
            guidance_embeds=True,
            axes_dims_rope=_ROPE,
        )
        start_quietly(self.network)
        self._teacher: nn.ModuleDict | None = None
        self.trained = nn.ModuleDict(
            {
                "transformer": self.network,
                "encoder": self._encoder,
                "encoder_2": self._encoder_2,
            }
        )

    def loss(self, latents: torch.Tensor, captions: Sequence[str], random: Random) -> torch.Tensor:
        length = draw_length(random, SEQUENCE, _LONG_SEQUENCE)
        if self._teacher is not None:
            return self._distilling_loss(latents, captions, random, length)
        told = self._condition(self.trained, captions, latents.device.type, length)
        # Nothing is guided yet, and a guidance of one says so.
        guidance = torch.ones(len(latents), device=latents.device)
        return flow_loss(
            latents,
            random,
            lambda noisy, times: self._flow(self.trained, noisy, times, told, guidance),
        )

    def begin_distilling(self) -> None:
        """Learn from now on what the present weights predict under guidance, in one pass.

        Guidance distillation (Meng et al. 2023), as in FLUX.1-dev: the teacher's two passes, with
        the prompt and without it, become one that is told the guidance. The run has a checkpoint
        of its own.
        """
        self.name = "flux-distilled"
        self._teacher = copy.deepcopy(self.trained).requires_grad_(requires_grad=False).eval()

    def _distilling_loss(
        self, latents: torch.Tensor, captions: Sequence[str], random: Random, length: int
    ) -> torch.Tensor:
        noise = draw_noise(latents, random)
        times = draw_times(latents, random)
        share = times.view(-1, 1, 1, 1)
        noisy = (1 - share) * latents + share * noise
        low, high = _GUIDANCE
        guidance = torch.tensor([random.uniform(low, high) for _ in captions]).to(latents)
        device = latents.device.type
        told = self._condition(self.trained, captions, device, length)
        predicted = self._flow(self.trained, noisy, times, told, guidance)
        with torch.no_grad():
            teacher = self._teacher or self.trained
            ones = torch.ones_like(guidance)
            asked = self._condition(teacher, captions, device, length)
            silent = self._condition(teacher, [""] * len(captions), device, length)
            towards = self._flow(teacher, noisy, times, asked, ones).float()
            away = self._flow(teacher, noisy, times, silent, ones).float()
            wanted = away + guidance.view(-1, 1, 1, 1) * (towards - away)
        return functional.mse_loss(predicted.float(), wanted)

    def _flow(
        self,
        parts: nn.ModuleDict,
        noisy: torch.Tensor,
        times: torch.Tensor,
        told: tuple[torch.Tensor, torch.Tensor],
        guidance: torch.Tensor,
    ) -> torch.Tensor:
        """Run the transformer over packed latents; times and guidance are as the pipeline's."""
        embeds, pooled = told
        places = torch.zeros(_PATCHES, _PATCHES, 3, device=noisy.device)
        places[..., 1] = torch.arange(_PATCHES, device=noisy.device)[:, None]
        places[..., 2] = torch.arange(_PATCHES, device=noisy.device)[None, :]
        # A rare length is not worth the minutes that compiling for it would take.
        network = parts["transformer"]
        run = network if embeds.shape[1] == SEQUENCE else network.forward
        flow: torch.Tensor = run(
            hidden_states=pack(noisy),
            encoder_hidden_states=embeds,
            pooled_projections=pooled,
            timestep=times,
            guidance=guidance,
            img_ids=places.flatten(0, 1),
            txt_ids=torch.zeros(embeds.shape[1], 3, device=noisy.device),
        ).sample
        return unpack(flow)

    def _condition(
        self, parts: nn.ModuleDict, captions: Sequence[str], device: str, length: int
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return what Flux reads: T5's tokens [B, tokens, 256], and CLIP's sum [B, 128]."""
        clip = parts["encoder"](to_tokens(self._tokenizer, captions, device=device))
        t5 = parts["encoder_2"](
            to_tokens(self._tokenizer_2, captions, device=device, length=length)
        )
        return t5.last_hidden_state, clip.pooler_output

    def pipeline(self, autoencoder: AutoencoderKL) -> FluxPipeline:
        autoencoder.register_to_config(shift_factor=0.0)
        return FluxPipeline(
            transformer=self.network,
            scheduler=FlowMatchEulerDiscreteScheduler(shift=1.0),
            vae=autoencoder,
            text_encoder=self._encoder,
            tokenizer=self._tokenizer,
            text_encoder_2=self._encoder_2,
            tokenizer_2=self._tokenizer_2,
        )


def pack(latents: torch.Tensor) -> torch.Tensor:
    """Lay two by two latents [B, 4, H, W] side by side as one token [B, H / 2 * W / 2, 16]."""
    count, channels, height, width = latents.shape
    split = latents.view(count, channels, height // 2, 2, width // 2, 2)
    return split.permute(0, 2, 4, 1, 3, 5).reshape(count, -1, channels * 4)


def unpack(tokens: torch.Tensor) -> torch.Tensor:
    """Undo `pack` for a square picture."""
    count, places, width = tokens.shape
    side = int(places**0.5)
    split = tokens.view(count, side, side, width // 4, 2, 2)
    return split.permute(0, 3, 1, 4, 2, 5).reshape(count, width // 4, 2 * side, 2 * side)
