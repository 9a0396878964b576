"""A tiny IP adapter with random weights, written beside a tiny SDXL model."""

import shutil
from pathlib import Path

import torch
from diffusers import UNet2DConditionModel
from safetensors.torch import save_file
from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

TOKENS = 4
_SIDE, _WIDTH = 32, 16


def add_image_prompts(model: Path, folder: Path, *, seed: int = 3) -> Path:
    """Copy a model folder and give it an adapter in diffusers' layout."""
    shutil.copytree(model, folder)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        encoder = CLIPVisionModelWithProjection(
            CLIPVisionConfig(
                hidden_size=32,
                intermediate_size=64,
                projection_dim=_WIDTH,
                num_hidden_layers=2,
                num_attention_heads=4,
                image_size=_SIDE,
                patch_size=8,
            )
        )
        weights = _weights(UNet2DConditionModel.from_pretrained(model / "unet"))
    encoder.save_pretrained(folder / "ip_adapter" / "image_encoder")
    save_file(weights, folder / "ip_adapter" / "ip-adapter_sdxl.safetensors")
    return folder


def _weights(unet: UNet2DConditionModel) -> dict[str, torch.Tensor]:
    words = unet.config.cross_attention_dim
    weights = {
        "image_proj.proj.weight": torch.randn(TOKENS * words, _WIDTH),
        "image_proj.proj.bias": torch.randn(TOKENS * words),
        "image_proj.norm.weight": torch.ones(words),
        "image_proj.norm.bias": torch.zeros(words),
    }
    attended = [name for name in unet.attn_processors if name.endswith("attn2.processor")]
    for index, name in enumerate(attended):
        layer = unet.get_submodule(name.removesuffix(".processor"))
        for part in ("k", "v"):
            shape = (layer.inner_dim, words)
            weights[f"ip_adapter.{2 * index + 1}.to_{part}_ip.weight"] = torch.randn(shape) / 4
    return weights
