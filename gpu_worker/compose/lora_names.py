"""Finds which layers of a network the tensors of a LoRA file are for.

Files name layers in several ways: as diffusers does (`unet.mid_block.…to_q.lora_A.weight`), as
older diffusers did (`….processor.to_q_lora.down.weight`), flattened by kohya's scripts
(`lora_unet_mid_block_…_to_q.lora_down.weight`), and there with the block names of the original
networks (`input_blocks_4_1`, `double_blocks_0_img_attn_qkv`, `joint_blocks_0_x_block_attn_qkv`).
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from torch import nn


class Role(StrEnum):
    """What a tensor of a LoRA file is."""

    DOWN = "down"
    UP = "up"
    ALPHA = "alpha"


@dataclass(frozen=True, kw_only=True)
class LayerShape:
    """A linear layer or a convolution, as far as a LoRA has to match it."""

    outputs: int
    inputs: int
    kernel: tuple[int, ...] = ()  # empty for a linear layer


@dataclass(frozen=True, kw_only=True)
class Target:
    """A layer a LoRA changes; where several share one tensor, the rows of it that are its own."""

    part: str  # unet, transformer, text_encoder …
    layer: str  # its path inside the part
    shape: LayerShape
    first_row: int = 0
    rows: int | None = None  # all


_ROLES = (
    (".lora_A.weight", Role.DOWN),
    (".lora_B.weight", Role.UP),
    (".lora_down.weight", Role.DOWN),
    (".lora_up.weight", Role.UP),
    (".lora.down.weight", Role.DOWN),
    (".lora.up.weight", Role.UP),
    (".lora_linear_layer.down.weight", Role.DOWN),
    (".lora_linear_layer.up.weight", Role.UP),
    ("_lora.down.weight", Role.DOWN),
    ("_lora.up.weight", Role.UP),
    (".alpha", Role.ALPHA),
)
_FLAT_PARTS = {
    "lora_unet_": ("unet", "transformer"),
    "lora_transformer_": ("transformer",),
    "lora_te_": ("text_encoder",),
    "lora_te1_": ("text_encoder",),
    "lora_te2_": ("text_encoder_2",),
    "lora_te3_": ("text_encoder_3",),
}
_CLIP = "text_model."
_OLD_ENCODER_LAYERS = {"to_q": "q_proj", "to_k": "k_proj", "to_v": "v_proj", "to_out": "out_proj"}


def split_name(name: str) -> tuple[str, Role] | None:
    """Return the layer that a tensor's name tells of, as the file calls it, and the tensor's role.

    None if the name is none of a plain LoRA's.
    """
    for ending, role in _ROLES:
        if name.endswith(ending):
            return name.removesuffix(ending).removeprefix("base_model.model."), role
    return None


def shapes_of(network: nn.Module) -> dict[str, LayerShape]:
    """Return the layers of a network that a LoRA can change, by their paths."""
    shapes = {}
    for path, layer in network.named_modules():
        if isinstance(layer, nn.Linear):
            shapes[path] = LayerShape(outputs=layer.out_features, inputs=layer.in_features)
        elif isinstance(layer, nn.Conv2d) and layer.groups == 1:
            shapes[path] = LayerShape(
                outputs=layer.out_channels,
                inputs=layer.in_channels,
                kernel=tuple(layer.kernel_size),
            )
    return shapes


class LayerNames:
    """Knows the layers of a loaded model's parts under every name a file may use."""

    def __init__(
        self, parts: Mapping[str, Mapping[str, LayerShape]], *, layers_per_block: int = 2
    ) -> None:
        self.parts = parts
        self._layers_per_block = layers_per_block  # of the UNet
        self._flat = {
            part: {layer.replace(".", "_"): layer for layer in layers}
            for part, layers in parts.items()
        }

    def find(self, stem: str) -> tuple[Target, ...]:
        """Return the layers that a file means by `stem`; nothing if this model has none such."""
        for prefix, parts in _FLAT_PARTS.items():
            if stem.startswith(prefix):
                flat = stem.removeprefix(prefix)
                return next((found for part in parts if (found := self._by_flat(part, flat))), ())
        part, _, layer = stem.partition(".")
        if part in self.parts:
            return self._by_path(part, layer)
        if part == "diffusion_model":
            flat = layer.replace(".", "_")
            return self._by_flat("unet", flat) or self._by_flat("transformer", flat)
        return ()

    def _by_path(self, part: str, layer: str) -> tuple[Target, ...]:
        layers = self.parts[part]
        layer = layer.replace(".processor.", ".")
        last = layer.rpartition(".")[2]
        spellings = [layer, layer.removeprefix(_CLIP), _CLIP + layer, f"{layer}.0"]
        if last in _OLD_ENCODER_LAYERS:
            old = layer.removesuffix(last) + _OLD_ENCODER_LAYERS[last]
            spellings += [old, old.removeprefix(_CLIP), _CLIP + old]
        return next((self._whole(part, one) for one in spellings if one in layers), ())

    def _by_flat(self, part: str, flat: str) -> tuple[Target, ...]:
        known = self._flat.get(part, {})
        if part.startswith("text_encoder"):
            clip = _CLIP.replace(".", "_")
            spellings = [flat, flat.removeprefix(clip), clip + flat]
        else:
            spellings = [flat, _from_original_unet(flat, self._layers_per_block)]
        for spelling in spellings:
            if spelling in known:
                return self._whole(part, known[spelling])
        return self._split(part, _from_original_transformer(flat))

    def _whole(self, part: str, layer: str) -> tuple[Target, ...]:
        return (Target(part=part, layer=layer, shape=self.parts[part][layer]),)

    def _split(self, part: str, layers: tuple[str, ...]) -> tuple[Target, ...]:
        """Share the rows of one tensor out to layers in order."""
        known = self.parts.get(part, {})
        if not layers or any(layer not in known for layer in layers):
            return ()
        targets, row = [], 0
        for layer in layers:
            shape = known[layer]
            targets.append(
                Target(part=part, layer=layer, shape=shape, first_row=row, rows=shape.outputs)
            )
            row += shape.outputs
        return tuple(targets)


_UNET_ENDS = {
    "input_blocks_0_0": "conv_in",
    "out_2": "conv_out",
    "time_embed_0": "time_embedding_linear_1",
    "time_embed_2": "time_embedding_linear_2",
    "label_emb_0_0": "add_embedding_linear_1",
    "label_emb_0_2": "add_embedding_linear_2",
}
_RESNET_LAYERS = {
    "in_layers_2": "conv1",
    "out_layers_3": "conv2",
    "emb_layers_1": "time_emb_proj",
    "skip_connection": "conv_shortcut",
}
_MIDDLE = {"0": "resnets_0", "1": "attentions_0", "2": "resnets_1"}
_UNET_BLOCK = re.compile(r"(input|output)_blocks_(\d+)_(\d)_(\w+)")
_UNET_MIDDLE = re.compile(r"middle_block_([012])_(\w+)")


def _from_original_unet(flat: str, layers_per_block: int) -> str:
    """Return diffusers' flattened name for a layer of the original UNet's; else the name itself."""
    if flat in _UNET_ENDS:
        return _UNET_ENDS[flat]
    if match := _UNET_MIDDLE.fullmatch(flat):
        rest = match[2]
        return f"mid_block_{_MIDDLE[match[1]]}_{_RESNET_LAYERS.get(rest, rest)}"
    match = _UNET_BLOCK.fullmatch(flat)
    if match is None:
        return flat
    way, number, place, rest = match[1], int(match[2]), match[3], match[4]
    in_block = layers_per_block + 1
    block, layer = divmod(number - (way == "input"), in_block)
    side = "down" if way == "input" else "up"
    if rest in ("op", "conv"):
        return f"{side}_blocks_{block}_{side}samplers_0_conv"
    kind = "resnets" if place == "0" else "attentions"
    return f"{side}_blocks_{block}_{kind}_{layer}_{_RESNET_LAYERS.get(rest, rest)}"


_JOINT = re.compile(r"(?:double|joint)_blocks_(\d+)_(img|txt|x_block|context_block)_(\w+)")
_SINGLE = re.compile(r"single_blocks_(\d+)_(\w+)")
_OF_PICTURE = {
    "attn_qkv": ("attn.to_q", "attn.to_k", "attn.to_v"),
    "attn_proj": ("attn.to_out.0",),
    "mlp_0": ("ff.net.0.proj",),
    "mlp_2": ("ff.net.2",),
    "mlp_fc1": ("ff.net.0.proj",),
    "mlp_fc2": ("ff.net.2",),
    "mod_lin": ("norm1.linear",),
}
_OF_TEXT = {
    "attn_qkv": ("attn.add_q_proj", "attn.add_k_proj", "attn.add_v_proj"),
    "attn_proj": ("attn.to_add_out",),
    "mlp_0": ("ff_context.net.0.proj",),
    "mlp_2": ("ff_context.net.2",),
    "mlp_fc1": ("ff_context.net.0.proj",),
    "mlp_fc2": ("ff_context.net.2",),
    "mod_lin": ("norm1_context.linear",),
}
_OF_SINGLE = {
    "linear1": ("attn.to_q", "attn.to_k", "attn.to_v", "proj_mlp"),
    "linear2": ("proj_out",),
    "modulation_lin": ("norm.linear",),
}


def _from_original_transformer(flat: str) -> tuple[str, ...]:
    """Return the layers in diffusers that one of the original Flux's or SD3's became."""
    if match := _JOINT.fullmatch(flat):
        table = _OF_PICTURE if match[2] in ("img", "x_block") else _OF_TEXT
        block, layers = f"transformer_blocks.{match[1]}", table.get(match[3], ())
    elif match := _SINGLE.fullmatch(flat):
        block, layers = f"single_transformer_blocks.{match[1]}", _OF_SINGLE.get(match[2], ())
    else:
        return ()
    return tuple(f"{block}.{layer}" for layer in layers)


def parts_of(pipeline_components: Mapping[str, object]) -> dict[str, dict[str, LayerShape]]:
    """Return the layers of each part that LoRAs are made for: the network and the encoders."""
    return {
        name: shapes_of(part)
        for name, part in pipeline_components.items()
        if isinstance(part, nn.Module) and name.startswith(("unet", "transformer", "text_encoder"))
    }


def fits(target: Target, *, down: tuple[int, ...], outputs: int) -> bool:
    """Tell whether a pair fits a layer: `down` is [rank, inputs, *kernel], `outputs` all its rows.

    A linear layer and a convolution of one pixel may be kept as each other.
    """
    shape = target.shape
    is_one_pixel = math.prod(down[2:]) == math.prod(shape.kernel) == 1
    if target.rows is None and outputs != shape.outputs:
        return False
    return down[1] == shape.inputs and (is_one_pixel or down[2:] == shape.kernel)
