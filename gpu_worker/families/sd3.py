"""Stable Diffusion 3: two CLIP encoders and perhaps a T5, one transformer, flow matching."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager

import torch
from PIL import Image

from backend.contracts import ModelFamily
from gpu_worker.family import (
    Conditioning,
    DiffusersPart,
    EncoderKind,
    LoadedModel,
    ReadText,
    SeenPictures,
    Steering,
    TextEncoder,
)
from gpu_worker.state import AdapterUnfit, ImagePromptsNotSupported, TilingNotSupported

# What the released models were trained on, and for longer texts what T5 reads at most.
T5_LENGTHS = (256, 512)


class Sd3Family:
    """A `Family` over the parts of a `StableDiffusion3Pipeline`."""

    name = ModelFamily.SD3

    def __init__(self, *, model: LoadedModel) -> None:
        pipeline = model.pipeline
        self.defaults = model.defaults
        self.device = model.device
        self.dtype = model.dtype
        self._transformer: DiffusersPart = pipeline.transformer
        self._vae: DiffusersPart = pipeline.vae
        self.encoders = _open_encoders(pipeline)
        self.drops_empty_negative = False
        self.scheduler_config: Mapping[str, object] = dict(pipeline.scheduler.config)
        config = self._transformer.config
        self.latent_channels = int(config.in_channels)
        self.pixels_per_latent: int = 2 ** (len(self._vae.config.block_out_channels) - 1)
        self._pixels_per_token: int = self.pixels_per_latent * int(config.patch_size)
        self.native_side = int(config.sample_size) * self.pixels_per_latent
        self.side_multiple = 64 if self.native_side >= 512 else self._pixels_per_token
        # Beyond its table of positions the network has no word for where a token is.
        self.longest_side = int(config.pos_embed_max_size) * self._pixels_per_token
        self.guides_itself = False
        # A model that came without its T5 is told zeros in its place.
        no_t5 = (1, min(T5_LENGTHS), int(config.joint_attention_dim))
        self._no_t5 = torch.zeros(no_t5, device=self.device, dtype=self.dtype)

    def count_tokens(self, *, width: int, height: int) -> int:
        return (width // self._pixels_per_token) * (height // self._pixels_per_token)

    def join_texts(self, texts: Sequence[ReadText]) -> tuple[torch.Tensor, torch.Tensor]:
        clips = texts[:2]
        clip = torch.cat([text.embeds for text in clips], dim=-1).to(self.dtype)
        pooled = torch.cat([text.gist for text in clips], dim=-1).to(self.dtype)
        t5 = texts[2].embeds.to(self.dtype) if len(texts) > 2 else self._no_t5
        # The CLIPs' narrower rows are filled up with zeros and stand before T5's.
        clip = torch.nn.functional.pad(clip, (0, t5.shape[-1] - clip.shape[-1]))
        return torch.cat([clip, t5], dim=-2), pooled

    def tell_facts(self, *, width: int, height: int, guidance: float) -> torch.Tensor:
        return torch.empty((1, 0), device=self.device)

    def meeting_edges(self) -> AbstractContextManager[None]:
        # A transformer is told where each token stands.
        raise TilingNotSupported("This model knows where a picture ends, so edges cannot meet.")

    def read_pictures(self, pictures: Sequence[Image.Image]) -> SeenPictures:
        raise ImagePromptsNotSupported("This family takes no image prompts.")

    def read_hint(self, network: DiffusersPart, pixels: torch.Tensor) -> torch.Tensor:
        config = network.config
        if config.joint_attention_dim is None or config.pos_embed_type is None:
            raise AdapterUnfit("ControlNets of this kind cannot be drawn with.")
        if config.extra_conditioning_channels:
            raise AdapterUnfit("ControlNets for inpainting cannot be drawn with.")
        # Without chance: the same picture is read the same way each time.
        pixels = pixels.to(self.device, self._vae.dtype)
        latents: torch.Tensor = self._vae.encode(pixels).latent_dist.mode()
        shift, scale = self._latent_statistics()
        if config.force_zeros_for_pooled_projection:
            # Those that are told no gist were trained on latents that nothing was taken off.
            shift = 0.0
        return ((latents - shift) * scale).to(self.dtype)

    def predict_noise(
        self,
        latents: torch.Tensor,
        timesteps: torch.Tensor,
        conditioning: Conditioning,
        steering: Sequence[Steering] = (),
    ) -> torch.Tensor:
        added: list[torch.Tensor] | None = None
        for one in steering:
            more = self._steer(one, latents, timesteps, conditioning)
            added = more if added is None else [a + b for a, b in zip(added, more, strict=True)]
        velocity: torch.Tensor = self._transformer(
            hidden_states=latents,
            timestep=timesteps,
            encoder_hidden_states=conditioning.embeds,
            pooled_projections=conditioning.pooled,
            block_controlnet_hidden_states=added,
            return_dict=False,
        )[0]
        return velocity

    def _steer(
        self,
        one: Steering,
        latents: torch.Tensor,
        timesteps: torch.Tensor,
        conditioning: Conditioning,
    ) -> list[torch.Tensor]:
        """Return what a ControlNet adds after each of its blocks, [rows, tokens, channels]."""
        config = one.network.config
        is_gist_hidden = config.force_zeros_for_pooled_projection
        pooled = conditioning.pooled
        added = one.network(
            hidden_states=latents,
            timestep=timesteps,
            encoder_hidden_states=conditioning.embeds,
            pooled_projections=torch.zeros_like(pooled) if is_gist_hidden else pooled,
            controlnet_cond=one.hints,
            return_dict=False,
        )[0]
        return [one.weigh(each) for each in added]

    def encode_picture(
        self, pixels: torch.Tensor, generators: Sequence[torch.Generator]
    ) -> torch.Tensor:
        distribution = self._vae.encode(pixels.to(self.device, self._vae.dtype)).latent_dist
        latents = torch.cat([distribution.sample(generator) for generator in generators])
        shift, scale = self._latent_statistics()
        return ((latents - shift) * scale).to(self.dtype)

    def decode(self, latents: torch.Tensor) -> torch.Tensor:
        shift, scale = self._latent_statistics()
        latents = (latents / scale + shift).to(self._vae.dtype)
        # One by one: decoding needs far more memory than denoising the whole batch.
        pictures = [self._vae.decode(one, return_dict=False)[0] for one in torch.split(latents, 1)]
        return torch.cat(pictures).float().cpu()

    def _latent_statistics(self) -> tuple[float, float]:
        """Return what is taken off the VAE's latents, and what the rest is multiplied by."""
        config = self._vae.config
        return config.shift_factor or 0.0, config.scaling_factor


def _open_encoders(pipeline: DiffusersPart) -> tuple[TextEncoder, ...]:
    """Return both CLIPs, and T5 where the model came with it."""
    clip_length = int(pipeline.tokenizer.model_max_length)
    encoders = [
        TextEncoder(
            name=name,
            kind=EncoderKind.CLIP,
            tokenizer=tokenizer,
            network=network,
            lengths=(clip_length,),
        )
        for name, tokenizer, network in (
            ("clip_l", pipeline.tokenizer, pipeline.text_encoder),
            ("clip_g", pipeline.tokenizer_2, pipeline.text_encoder_2),
        )
    ]
    if pipeline.text_encoder_3 is not None and pipeline.tokenizer_3 is not None:
        most = int(pipeline.tokenizer_3.model_max_length)
        t5 = TextEncoder(
            name="t5",
            kind=EncoderKind.T5,
            tokenizer=pipeline.tokenizer_3,
            network=pipeline.text_encoder_3,
            lengths=tuple(min(length, most) for length in T5_LENGTHS),
        )
        encoders.append(t5)
    return tuple(encoders)
