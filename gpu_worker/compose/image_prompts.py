"""Lets an SDXL network look at pictures beside words, by an adapter in diffusers' IP layout.

A model offers it by a folder `ip_adapter`: one safetensors file with `image_proj` and `ip_adapter`
parts, and the CLIP `image_encoder` it was made for. What is told of pictures is handed to a look
and not left behind in the network: a look without any is the plain one.
"""

from collections.abc import Sequence
from pathlib import Path

import torch
from PIL import Image
from torch import nn
from torch.nn import functional

from gpu_worker.compose.model_files import check_component
from gpu_worker.family import DiffusersPart, SeenPictures
from gpu_worker.state import ModelBroken

FOLDER = "ip_adapter"
_ENCODER = "image_encoder"
# Where SDXL decides on style rather than on what stands where (InstantStyle, arXiv 2404.02733).
STYLE_LAYERS = "up_blocks.0.attentions.1."
# What the published networks have there, and smaller ones have not.
_SHAPED_AS_SDXL = "up_blocks.0.attentions.2."


class ImagePromptAttention(nn.Module):
    """Cross-attention that also attends to pictures, where a look is told of some."""

    def __init__(self, *, to_key: nn.Module, to_value: nn.Module, is_for_style: bool) -> None:
        super().__init__()
        self.to_key = to_key
        self.to_value = to_value
        self._strength = int(is_for_style)

    def __call__(
        self,
        attn: DiffusersPart,
        hidden_states: torch.Tensor,
        encoder_hidden_states: torch.Tensor | None = None,
        attention_mask: torch.Tensor | None = None,
        ip_hidden_states: tuple[torch.Tensor, torch.Tensor] | None = None,
    ) -> torch.Tensor:
        """Attend; the names are those that diffusers passes on without complaint.

        `ip_hidden_states` is [rows, groups, tokens, channels] and how much each counts for content
        and for style, [rows, groups, 2].
        """
        words = hidden_states if encoder_hidden_states is None else encoder_hidden_states
        if attention_mask is not None:
            rows, length = words.shape[:2]
            attention_mask = attn.prepare_attention_mask(attention_mask, length, rows)
            attention_mask = attention_mask.view(rows, attn.heads, -1, attention_mask.shape[-1])
        query = _split(attn, attn.to_q(hidden_states))
        seen = _attend(query, attn.to_k(words), attn.to_v(words), attn, mask=attention_mask)
        if ip_hidden_states is not None:
            groups, scales = ip_hidden_states
            for index in range(groups.shape[1]):
                told = groups[:, index]
                looked = _attend(query, self.to_key(told), self.to_value(told), attn)
                seen = seen + scales[:, index, self._strength].view(-1, 1, 1) * looked
        drawn: torch.Tensor = attn.to_out[1](attn.to_out[0](seen))
        return drawn


class ImagePromptReader:
    """Reads pictures into what the network is told of them."""

    def __init__(
        self,
        *,
        encoder: DiffusersPart,
        preprocessor: DiffusersPart,
        projection: nn.Module,
        device: torch.device,
        dtype: torch.dtype,
    ) -> None:
        from diffusers.models.embeddings import ImageProjection

        self._encoder = encoder
        self._preprocessor = preprocessor
        self._projection = projection
        self._device = device
        self._dtype = dtype
        self._reads_gist = isinstance(projection, ImageProjection)

    def read(self, pictures: Sequence[Image.Image]) -> SeenPictures:
        """Return what is told of pictures, and of none in their place."""
        pixels = self._preprocessor([one.convert("RGB") for one in pictures], return_tensors="pt")
        values = pixels.pixel_values.to(self._device, self._dtype)
        seen = self._look(values)
        # Of nothing, a gist is zeros; patches are what the encoder sees in a grey picture.
        nothing = torch.zeros_like(seen) if self._reads_gist else self._look(0 * values)
        return SeenPictures(
            toward=self._projection(seen).to(self._dtype),
            away=self._projection(nothing).to(self._dtype),
        )

    def _look(self, values: torch.Tensor) -> torch.Tensor:
        looked = self._encoder(values, output_hidden_states=not self._reads_gist)
        gist: torch.Tensor = looked.image_embeds if self._reads_gist else looked.hidden_states[-2]
        return gist


def load_image_prompts(
    pipeline: DiffusersPart, folder: Path, *, device: torch.device, dtype: torch.dtype
) -> ImagePromptReader | None:
    """Have the network of a pipeline look at pictures too; None where the model offers no adapter.

    Raises:
        ModelBroken: the adapter does not load, or holds pickles.

    """
    if not (folder / FOLDER).is_dir():
        return None
    name = _weights_name(folder / FOLDER)
    try:
        pipeline.load_ip_adapter(
            str(folder),
            subfolder=FOLDER,
            weight_name=name,
            image_encoder_folder=_ENCODER,
            local_files_only=True,
        )
    except Exception as error:
        # Whatever the libraries raise over odd files is the model's fault.
        reason = type(error).__name__
        raise ModelBroken(f"{folder / FOLDER} could not be loaded ({reason}).") from error
    unet = pipeline.unet
    projection = unet.encoder_hid_proj.image_projection_layers[0]
    processors = unet.attn_processors
    # In a network of another shape all layers decide on style as well.
    has_style = any(name.startswith(_SHAPED_AS_SDXL) for name in processors)
    unet.set_attn_processor(
        {
            name: _own(one, is_for_style=name.startswith(STYLE_LAYERS) or not has_style)
            for name, one in processors.items()
        }
    )
    # Pictures are projected once for a job, not at every look.
    unet.encoder_hid_proj = None
    unet.register_to_config(encoder_hid_dim_type=None)
    return ImagePromptReader(
        encoder=pipeline.image_encoder.to(device).eval(),
        preprocessor=pipeline.feature_extractor,
        projection=projection.to(device, dtype).eval(),
        device=device,
        dtype=dtype,
    )


def _weights_name(folder: Path) -> str:
    check_component(folder)
    check_component(folder / _ENCODER)
    names = [path.name for path in sorted(folder.glob("*.safetensors"))]
    if len(names) != 1:
        raise ModelBroken(f"{folder} must hold one safetensors file, not {len(names)}.")
    return names[0]


def _own(processor: DiffusersPart, *, is_for_style: bool) -> DiffusersPart:
    """Return our own attention in place of one that wants pictures at every look."""
    if not hasattr(processor, "to_k_ip"):
        return processor
    return ImagePromptAttention(
        to_key=processor.to_k_ip[0], to_value=processor.to_v_ip[0], is_for_style=is_for_style
    )


def _split(attn: DiffusersPart, values: torch.Tensor) -> torch.Tensor:
    """Return values by heads, [rows, heads, tokens, channels]."""
    rows, tokens, channels = values.shape
    heads = int(attn.heads)
    return values.view(rows, tokens, heads, channels // heads).transpose(1, 2)


def _attend(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attn: DiffusersPart,
    *,
    mask: torch.Tensor | None = None,
) -> torch.Tensor:
    seen = functional.scaled_dot_product_attention(
        query, _split(attn, key), _split(attn, value), attn_mask=mask
    )
    return seen.transpose(1, 2).flatten(-2).to(query.dtype)
