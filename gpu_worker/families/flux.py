"""Flux: CLIP's one vector, T5's sequence, a transformer over packed latents, flow matching."""

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

# What the released models were trained on.
MOST_T5_TOKENS = 512
# A token is a square of this many latents on a side.
PATCH = 2
# What ControlNets add after double and after single blocks, each [rows, tokens, channels].
_Added = tuple[list[torch.Tensor], list[torch.Tensor]]


class FluxFamily:
    """A `Family` over the parts of a `FluxPipeline`."""

    name = ModelFamily.FLUX

    def __init__(self, *, model: LoadedModel) -> None:
        pipeline = model.pipeline
        self.defaults = model.defaults
        self.device = model.device
        self.dtype = model.dtype
        self._transformer: DiffusersPart = pipeline.transformer
        self._vae: DiffusersPart = pipeline.vae
        self.encoders: tuple[TextEncoder, ...] = _open_encoders(pipeline)
        self.drops_empty_negative = False
        self.scheduler_config: Mapping[str, object] = dict(pipeline.scheduler.config)
        self.latent_channels = int(self._transformer.config.in_channels) // PATCH**2
        self.pixels_per_latent: int = 2 ** (len(self._vae.config.block_out_channels) - 1)
        self._pixels_per_token: int = self.pixels_per_latent * PATCH
        # The transformer is not tied to any size; its VAE says which it was made for.
        self.native_side = int(self._vae.config.sample_size)
        self.side_multiple = 64 if self.native_side >= 512 else self._pixels_per_token
        self.longest_side = self.native_side**2 // self.side_multiple
        self.guides_itself = bool(self._transformer.config.guidance_embeds)

    def count_tokens(self, *, width: int, height: int) -> int:
        return (width // self._pixels_per_token) * (height // self._pixels_per_token)

    def join_texts(self, texts: Sequence[ReadText]) -> tuple[torch.Tensor, torch.Tensor]:
        clip, t5 = texts
        return t5.embeds.to(self.dtype), clip.gist.to(self.dtype)

    def tell_facts(self, *, width: int, height: int, guidance: float) -> torch.Tensor:
        return torch.tensor([[guidance]], device=self.device)

    def meeting_edges(self) -> AbstractContextManager[None]:
        # A transformer is told where each token stands.
        raise TilingNotSupported("This model knows where a picture ends, so edges cannot meet.")

    def read_pictures(self, pictures: Sequence[Image.Image]) -> SeenPictures:
        raise ImagePromptsNotSupported("This family takes no image prompts.")

    def read_hint(self, network: DiffusersPart, pixels: torch.Tensor) -> torch.Tensor:
        if network.union:
            raise AdapterUnfit("ControlNets that are several in one cannot be drawn with.")
        pixels = pixels.to(self.device, self._vae.dtype)
        if _reads_pixels(network):
            return pixels.to(self.dtype)
        # Without chance: the same picture is read the same way each time.
        latents = self._vae.encode(pixels).latent_dist.mode()
        shift, scale = self._latent_statistics()
        return pack(((latents - shift) * scale).to(self.dtype))

    def predict_noise(
        self,
        latents: torch.Tensor,
        timesteps: torch.Tensor,
        conditioning: Conditioning,
        steering: Sequence[Steering] = (),
    ) -> torch.Tensor:
        height, width = latents.shape[2:]
        told = {
            "hidden_states": pack(latents),
            "timestep": timesteps.to(latents.dtype) / 1000,
            "encoder_hidden_states": conditioning.embeds,
            "pooled_projections": conditioning.pooled,
            "txt_ids": torch.zeros((conditioning.embeds.shape[1], 3), device=self.device),
            "img_ids": self._places(height // PATCH, width // PATCH),
            "return_dict": False,
        }
        guidance = conditioning.facts[:, 0]
        added: _Added = ([], [])
        for one in steering:
            added = _add(added, _steer(one, told, guidance))
        velocity = self._transformer(
            guidance=guidance if self.guides_itself else None,
            controlnet_block_samples=added[0] or None,
            controlnet_single_block_samples=added[1] or None,
            controlnet_blocks_repeat=any(_reads_pixels(one.network) for one in steering),
            **told,
        )[0]
        return unpack(velocity, height=height, width=width)

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

    def _places(self, rows: int, columns: int) -> torch.Tensor:
        """Return where every token stands, [tokens, 3]: nothing, row, column."""
        places = torch.zeros((rows, columns, 3), device=self.device)
        places[..., 1] = torch.arange(rows, device=self.device)[:, None]
        places[..., 2] = torch.arange(columns, device=self.device)[None, :]
        return places.view(rows * columns, 3)

    def _latent_statistics(self) -> tuple[float, float]:
        """Return what is taken off the VAE's latents, and what the rest is multiplied by."""
        config = self._vae.config
        return config.shift_factor or 0.0, config.scaling_factor


def _open_encoders(pipeline: DiffusersPart) -> tuple[TextEncoder, TextEncoder]:
    clip = TextEncoder(
        name="clip_l",
        kind=EncoderKind.POOLED,
        tokenizer=pipeline.tokenizer,
        network=pipeline.text_encoder,
        lengths=(int(pipeline.tokenizer.model_max_length),),
    )
    t5 = TextEncoder(
        name="t5",
        kind=EncoderKind.T5,
        tokenizer=pipeline.tokenizer_2,
        network=pipeline.text_encoder_2,
        lengths=(min(MOST_T5_TOKENS, int(pipeline.tokenizer_2.model_max_length)),),
    )
    return clip, t5


def _reads_pixels(network: DiffusersPart) -> bool:
    """Tell whether a ControlNet is shown pixels; others are shown packed latents."""
    return network.input_hint_block is not None


def _steer(one: Steering, told: Mapping[str, object], guidance: torch.Tensor) -> _Added:
    is_guided = one.network.config.guidance_embeds
    double, single = one.network(
        controlnet_cond=one.hints, guidance=guidance if is_guided else None, **told
    )
    return (
        [one.weigh(each) for each in double or ()],
        [one.weigh(each) for each in single or ()],
    )


def _add(one: _Added, other: _Added) -> _Added:
    """Return what two ControlNets add together; one of them may add nothing somewhere."""
    double, single = (
        [a + b for a, b in zip(mine, theirs, strict=True)] if mine and theirs else mine or theirs
        for mine, theirs in zip(one, other, strict=True)
    )
    return double, single


def pack(latents: torch.Tensor) -> torch.Tensor:
    """Turn [rows, channels, height, width] into one token for each square, [rows, tokens, …]."""
    rows, channels, height, width = latents.shape
    squares = latents.view(rows, channels, height // PATCH, PATCH, width // PATCH, PATCH)
    return squares.permute(0, 2, 4, 1, 3, 5).reshape(rows, -1, channels * PATCH**2)


def unpack(tokens: torch.Tensor, *, height: int, width: int) -> torch.Tensor:
    """Turn tokens back into [rows, channels, height, width]; sides are counted in latents."""
    rows, _, values = tokens.shape
    squares = tokens.view(rows, height // PATCH, width // PATCH, values // PATCH**2, PATCH, PATCH)
    return squares.permute(0, 3, 1, 4, 2, 5).reshape(rows, -1, height, width)
