"""Writes small LoRA files, in every manner in which real ones name their layers."""

from collections.abc import Iterable, Mapping
from pathlib import Path

import torch
from safetensors.torch import save_file

from gpu_worker.compose.lora_names import LayerNames, LayerShape, parts_of
from gpu_worker.family import LoadedModel

Pair = tuple[torch.Tensor, torch.Tensor]


def names_of(model: LoadedModel) -> LayerNames:
    return LayerNames(parts_of(model.pipeline.components), layers_per_block=1)


def a_pair(shape: LayerShape, *, rank: int, seed: int) -> Pair:
    generator = torch.Generator().manual_seed(seed)
    down = torch.randn(rank, shape.inputs, *shape.kernel, generator=generator) * 0.3
    up = torch.randn(shape.outputs, rank, generator=generator) * 0.3
    return down, up


def some_pairs(
    shapes: Mapping[str, LayerShape], *, layers: Iterable[str], rank: int, seed: int
) -> dict[str, Pair]:
    return {
        layer: a_pair(shapes[layer], rank=rank, seed=seed + number)
        for number, layer in enumerate(layers)
    }


def attention_layers(shapes: Mapping[str, LayerShape]) -> list[str]:
    return [layer for layer in shapes if ".attn" in layer or "self_attn" in layer]


def write_lora(path: Path, pairs: Mapping[str, Pair], *, notes: dict[str, str] | None = None):
    """Write pairs by `part.layer` as diffusers does now."""
    tensors = {}
    for layer, (down, up) in pairs.items():
        tensors[f"{layer}.lora_A.weight"] = down
        tensors[f"{layer}.lora_B.weight"] = up.reshape(*up.shape, *(1,) * (down.dim() - 2))
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, path, notes)
    return path


def write_kohya(path: Path, pairs: Mapping[str, Pair], *, alpha: float):
    """Write pairs by flattened names, each with an alpha, as kohya's scripts do."""
    tensors = {}
    for layer, (down, up) in pairs.items():
        tensors[f"{layer}.lora_down.weight"] = down
        tensors[f"{layer}.lora_up.weight"] = up.reshape(*up.shape, *(1,) * (down.dim() - 2))
        tensors[f"{layer}.alpha"] = torch.tensor(alpha)
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, path)
    return path


def style_lora(
    path: Path, model: LoadedModel, *, rank: int = 4, seed: int = 1, part: str = "unet"
) -> Path:
    """Write a LoRA on the attention of one part of a model."""
    shapes = names_of(model).parts[part]
    pairs = some_pairs(shapes, layers=attention_layers(shapes), rank=rank, seed=seed)
    return write_lora(path, {f"{part}.{layer}": pair for layer, pair in pairs.items()})
