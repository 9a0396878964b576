"""Stable Diffusion XL: two CLIP encoders, a UNet told its picture's size, a four-channel VAE."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

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
from gpu_worker.state import ImagePromptsNotSupported

# Height and width as asked for, where the picture was cut, height and width as drawn.
SIZE_FACTS = 6


class SdxlFamily:
    """A `Family` over the parts of a `StableDiffusionXLPipeline`."""

    name = ModelFamily.SDXL

    def __init__(self, *, model: LoadedModel) -> None:
        pipeline = model.pipeline
        self.defaults = model.defaults
        self.device = model.device
        self.dtype = model.dtype
        self._unet: DiffusersPart = pipeline.unet
        self._vae: DiffusersPart = pipeline.vae
        self._convolutions = [
            layer
            for part in (self._unet, self._vae)
            for layer in part.modules()
            if isinstance(layer, torch.nn.Conv2d)
        ]
        self.encoders: tuple[TextEncoder, ...] = (
            _open_clip("clip_l", pipeline.tokenizer, pipeline.text_encoder),
            _open_clip("clip_g", pipeline.tokenizer_2, pipeline.text_encoder_2),
        )
        self.drops_empty_negative = bool(pipeline.config.force_zeros_for_empty_prompt)
        self.scheduler_config: Mapping[str, object] = dict(pipeline.scheduler.config)
        self.latent_channels = int(self._unet.config.in_channels)
        self.pixels_per_latent: int = 2 ** (len(self._vae.config.block_out_channels) - 1)
        self.native_side = int(self._unet.config.sample_size) * self.pixels_per_latent
        shrink = 2 ** (len(self._unet.config.block_out_channels) - 1)
        self.side_multiple = 64 if self.native_side >= 512 else self.pixels_per_latent * shrink
        self.longest_side = self.native_side**2 // self.side_multiple
        self._image_prompts = model.image_prompts
        # Distilled to few steps, a network is told its guidance in so many numbers.
        self._guidance_facts = int(self._unet.config.time_cond_proj_dim or 0)
        self.guides_itself = self._guidance_facts > 0

    def count_tokens(self, *, width: int, height: int) -> int:
        return (width // self.pixels_per_latent) * (height // self.pixels_per_latent)

    def join_texts(self, texts: Sequence[ReadText]) -> tuple[torch.Tensor, torch.Tensor]:
        embeds = torch.cat([text.embeds for text in texts], dim=-1)
        # The second encoder's gist is the one that counts.
        return embeds.to(self.dtype), texts[1].gist.to(self.dtype)

    def tell_facts(self, *, width: int, height: int, guidance: float) -> torch.Tensor:
        facts = torch.tensor([[height, width, 0, 0, height, width]], dtype=torch.float32)
        if self.guides_itself:
            facts = torch.cat([facts, _tell_guidance(guidance, self._guidance_facts)], dim=1)
        return facts.to(self.device, self.dtype)

    def read_pictures(self, pictures: Sequence[Image.Image]) -> SeenPictures:
        if self._image_prompts is None:
            raise ImagePromptsNotSupported("This model has no adapter that looks at pictures.")
        return self._image_prompts.read(pictures)

    @contextmanager
    def meeting_edges(self) -> Iterator[None]:
        for layer in self._convolutions:
            layer.padding_mode = "circular"
        try:
            yield
        finally:
            # Whoever looks next may want plain edges.
            for layer in self._convolutions:
                layer.padding_mode = "zeros"

    def read_hint(self, network: DiffusersPart, pixels: torch.Tensor) -> torch.Tensor:
        return ((pixels + 1) / 2).to(self.device, self.dtype)

    def predict_noise(
        self,
        latents: torch.Tensor,
        timesteps: torch.Tensor,
        conditioning: Conditioning,
        steering: Sequence[Steering] = (),
    ) -> torch.Tensor:
        pictures = (conditioning.images, conditioning.image_scales)
        facts = conditioning.facts
        told = {
            "encoder_hidden_states": conditioning.embeds,
            "added_cond_kwargs": {
                "text_embeds": conditioning.pooled,
                "time_ids": facts[:, :SIZE_FACTS],
            },
            "return_dict": False,
        }
        down: list[torch.Tensor] | None = None
        middle: torch.Tensor | None = None
        for one in steering:
            added, added_middle = one.network(latents, timesteps, controlnet_cond=one.hints, **told)
            added, added_middle = [one.weigh(each) for each in added], one.weigh(added_middle)
            down = added if down is None else [a + b for a, b in zip(down, added, strict=True)]
            middle = added_middle if middle is None else middle + added_middle
        noise: torch.Tensor = self._unet(
            latents,
            timesteps,
            timestep_cond=facts[:, SIZE_FACTS:] if self.guides_itself else None,
            cross_attention_kwargs=None if pictures[0] is None else {"ip_hidden_states": pictures},
            down_block_additional_residuals=down,
            mid_block_additional_residual=middle,
            **told,
        )[0]
        return noise

    def encode_picture(
        self, pixels: torch.Tensor, generators: Sequence[torch.Generator]
    ) -> torch.Tensor:
        with self._vae_at_safe_precision() as vae:
            pixels = pixels.to(self.device, vae.dtype)
            distribution = vae.encode(pixels).latent_dist
            drawn = [distribution.sample(generator) for generator in generators]
        latents = torch.cat(drawn).to(self.dtype)
        mean, deviation = self._latent_statistics(latents)
        return (latents - mean) / deviation

    def decode(self, latents: torch.Tensor) -> torch.Tensor:
        mean, deviation = self._latent_statistics(latents)
        with self._vae_at_safe_precision() as vae:
            latents = (latents * deviation + mean).to(vae.dtype)
            # One by one: decoding needs far more memory than denoising the whole batch.
            pictures = [vae.decode(one, return_dict=False)[0] for one in torch.split(latents, 1)]
        return torch.cat(pictures).float().cpu()

    def _vae_at_safe_precision(self) -> "_SafePrecision":
        return _SafePrecision(self._vae)

    def _latent_statistics(self, like: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return mean and deviation of the VAE's latents against the network's."""
        config = self._vae.config
        mean = getattr(config, "latents_mean", None)
        deviation = getattr(config, "latents_std", None)
        if mean is None or deviation is None:
            mean, deviation = [0.0], [1.0]
        shift = torch.tensor(mean, device=like.device, dtype=like.dtype)
        scale = torch.tensor(deviation, device=like.device, dtype=like.dtype)
        return shift.view(1, -1, 1, 1), scale.view(1, -1, 1, 1) / config.scaling_factor


def _tell_guidance(guidance: float, numbers: int) -> torch.Tensor:
    """Return a guidance scale as a row of waves, [1, numbers], slower and slower."""
    half = numbers // 2
    # In float32 to the letter: the fastest waves turn thousands of times.
    slowing = torch.log(torch.tensor(10_000.0)) / (half - 1)
    angles = torch.tensor([[guidance - 1]]) * 1000 * torch.exp(-slowing * torch.arange(half))
    waves = torch.cat([angles.sin(), angles.cos()], dim=1)
    return torch.nn.functional.pad(waves, (0, numbers - 2 * half))


def _open_clip(name: str, tokenizer: DiffusersPart, network: DiffusersPart) -> TextEncoder:
    return TextEncoder(
        name=name,
        kind=EncoderKind.CLIP,
        tokenizer=tokenizer,
        network=network,
        lengths=(int(tokenizer.model_max_length),),
    )


class _SafePrecision:
    """Lends the VAE, in float32 where its float16 overflows to black pictures."""

    def __init__(self, vae: DiffusersPart) -> None:
        self._vae = vae
        self._is_raised = vae.dtype == torch.float16 and vae.config.force_upcast

    def __enter__(self) -> DiffusersPart:
        if self._is_raised:
            self._vae.to(dtype=torch.float32)
        return self._vae

    def __exit__(self, *_: object) -> None:
        if self._is_raised:
            self._vae.to(dtype=torch.float16)
