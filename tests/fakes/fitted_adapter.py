"""A small IP adapter for the starter model `sdxl`, fitted in seconds and not trained.

A random image encoder looks at scenes of two colours; what it sees is put, by least squares, where
the words of their captions would stand. Pictures are then attended to by the layers' own keys and
values of words, so that a picture says to the network about what its caption would.
"""

import itertools
import shutil
from pathlib import Path
from typing import Any, Final

import diffusers
import torch
from PIL import Image
from safetensors.torch import save_file
from transformers import CLIPImageProcessor, CLIPVisionConfig, CLIPVisionModelWithProjection

from gpu_worker.starter.palette import COLOURS
from gpu_worker.starter.shapes import shape_mask

SHAPES: Final = ("star", "circle", "square")
_SIDE, _SEEN = 32, 256
# Where the colour, the thing, the other colour and its background stand in a caption.
_PLACES: Final = [2, 3, 6, 7]
_RIDGE: Final = 1e-3


def a_scene(colour: str, shape: str, background: str, *, side: int = 128) -> Image.Image:
    """Paint one figure on a background of another colour."""
    picture = Image.new("RGB", (side, side), tuple(COLOURS[background]))
    size = round(side * 0.68)
    corner = (side - size) // 2
    picture.paste(tuple(COLOURS[colour]), (corner, corner), shape_mask(shape, size))
    return picture


def fit_image_prompts(model: Path, folder: Path) -> Path:
    """Copy the starter model and give it an adapter in diffusers' layout."""
    shutil.copytree(model, folder)
    pipe = diffusers.StableDiffusionXLPipeline.from_pretrained(folder, add_watermarker=False)
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(0)
        encoder = CLIPVisionModelWithProjection(
            CLIPVisionConfig(
                hidden_size=64,
                intermediate_size=128,
                projection_dim=_SEEN,
                num_hidden_layers=1,
                num_attention_heads=4,
                image_size=_SIDE,
                patch_size=8,
                initializer_factor=4.0,
            )
        ).eval()
        weights = _fit(pipe, encoder)
    encoder.save_pretrained(folder / "ip_adapter" / "image_encoder")
    save_file(weights, folder / "ip_adapter" / "ip-adapter_sdxl.safetensors")
    return folder


def _fit(pipe: Any, encoder: Any) -> dict[str, torch.Tensor]:
    seen, told = [], []
    look = CLIPImageProcessor(size=_SIDE, crop_size=_SIDE)
    for colour, background in itertools.permutations(COLOURS, 2):
        shapes = [a_scene(colour, shape, background) for shape in SHAPES]
        pixels = look(shapes, return_tensors="pt").pixel_values
        seen.append(encoder(pixels).image_embeds)
        captions = [f"a {colour} {shape} on a {background} background" for shape in SHAPES]
        words, *_ = pipe.encode_prompt(captions, do_classifier_free_guidance=False)
        told.append(words[:, _PLACES])
    x, y = torch.cat(seen).double(), torch.cat(told).double()
    rows = len(y)
    # The adapter norms what it projects: what is fitted is normed, and put back by the norm's own.
    mean, deviation = y.mean(dim=(0, 1)), y.std(dim=(0, 1))
    wanted = ((y - mean) / deviation).reshape(rows, -1)
    x1 = torch.cat([x, torch.ones(rows, 1)], dim=1)
    found = torch.linalg.solve(x1.T @ x1 + _RIDGE * torch.eye(x1.shape[1]), x1.T @ wanted)
    weights = {
        "image_proj.proj.weight": found[:-1].T,
        "image_proj.proj.bias": found[-1],
        "image_proj.norm.weight": deviation,
        "image_proj.norm.bias": mean,
    }
    attended = [name for name in pipe.unet.attn_processors if name.endswith("attn2.processor")]
    for index, name in enumerate(attended):
        layer = pipe.unet.get_submodule(name.removesuffix(".processor"))
        for part in ("k", "v"):
            weights[f"ip_adapter.{2 * index + 1}.to_{part}_ip.weight"] = getattr(
                layer, f"to_{part}"
            ).weight
    return {name: value.float().contiguous().clone() for name, value in weights.items()}
