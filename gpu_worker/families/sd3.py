"""Stable Diffusion 3: two CLIP encoders and perhaps a T5, one transformer, flow matching."""

from collections.abc import Mapping, Sequence

import torch

from backend.contracts import ModelFamily
from gpu_worker.family import Conditioning, DiffusersPart, LoadedModel

# What the released models were trained on; their tokenizers allow more.
MOST_T5_TOKENS = 256


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
        self._clips = (
            (pipeline.tokenizer, pipeline.text_encoder),
            (pipeline.tokenizer_2, pipeline.text_encoder_2),
        )
        self._clip_tokens = int(pipeline.tokenizer.model_max_length)
        self._t5_tokenizer: DiffusersPart = pipeline.tokenizer_3
        self._t5: DiffusersPart = pipeline.text_encoder_3
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

    def count_tokens(self, *, width: int, height: int) -> int:
        return (width // self._pixels_per_token) * (height // self._pixels_per_token)

    def encode_prompt(self, text: str, *, width: int, height: int, guidance: float) -> Conditioning:
        layers, pooled = [], []
        for tokenizer, encoder in self._clips:
            ids = self._tokenize(tokenizer, text, self._clip_tokens)
            output = encoder(ids, output_hidden_states=True)
            layers.append(output.hidden_states[-2])
            pooled.append(output[0])
        clip = torch.cat(layers, dim=-1).to(self.dtype)
        t5 = self._encode_t5(text)
        # The CLIPs' narrower rows are filled up with zeros and stand before T5's.
        clip = torch.nn.functional.pad(clip, (0, t5.shape[-1] - clip.shape[-1]))
        return Conditioning(
            embeds=torch.cat([clip, t5], dim=-2),
            pooled=torch.cat(pooled, dim=-1).to(self.dtype),
            facts=torch.empty((1, 0), device=self.device),
        )

    def encode_negative(
        self, text: str, *, width: int, height: int, guidance: float
    ) -> Conditioning:
        return self.encode_prompt(text, width=width, height=height, guidance=guidance)

    def predict_noise(
        self, latents: torch.Tensor, timesteps: torch.Tensor, conditioning: Conditioning
    ) -> torch.Tensor:
        velocity: torch.Tensor = self._transformer(
            hidden_states=latents,
            timestep=timesteps,
            encoder_hidden_states=conditioning.embeds,
            pooled_projections=conditioning.pooled,
            return_dict=False,
        )[0]
        return velocity

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

    def _encode_t5(self, text: str) -> torch.Tensor:
        """Return [1, tokens, channels]; zeros where the model came without its T5."""
        limit = MOST_T5_TOKENS
        if self._t5_tokenizer is not None:
            limit = min(limit, int(self._t5_tokenizer.model_max_length))
        if self._t5 is None or self._t5_tokenizer is None:
            width = int(self._transformer.config.joint_attention_dim)
            return torch.zeros((1, limit, width), device=self.device, dtype=self.dtype)
        embeds: torch.Tensor = self._t5(self._tokenize(self._t5_tokenizer, text, limit))[0]
        return embeds.to(self.dtype)

    def _tokenize(self, tokenizer: DiffusersPart, text: str, limit: int) -> torch.Tensor:
        tokens = tokenizer(
            text, padding="max_length", max_length=limit, truncation=True, return_tensors="pt"
        )
        ids: torch.Tensor = tokens.input_ids.to(self.device)
        return ids

    def _latent_statistics(self) -> tuple[float, float]:
        """Return what is taken off the VAE's latents, and what the rest is multiplied by."""
        config = self._vae.config
        return config.shift_factor or 0.0, config.scaling_factor
