"""Small ControlNets with random weights, in folders as real ones lie in."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import ControlNetModel, FluxControlNetModel, SD3ControlNetModel
from PIL import Image

from backend.contracts import ModelFamily
from gpu_worker.compose.controlnet import ControlNets
from gpu_worker.family import LoadedModel
from gpu_worker.vram.budget import Budget
from gpu_worker.vram.manager import VramManager

ROOM = 2**30


def write_controlnet(folder: Path, model: LoadedModel, family: ModelFamily, *, seed: int) -> Path:
    """Write a ControlNet for a model, with random numbers where a new one has zeros."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = _network_for(model, family)
        with torch.no_grad():
            for parameter in network.parameters():
                if not parameter.any():
                    parameter.normal_(std=0.2)
    network.save_pretrained(folder, safe_serialization=True)
    return folder


def _network_for(model: LoadedModel, family: ModelFamily) -> Any:
    pipeline = model.pipeline
    match family:
        case ModelFamily.SDXL:
            return ControlNetModel.from_unet(pipeline.unet)
        case ModelFamily.SD3:
            # `from_transformer` would write the ControlNet's layers into the model's own config.
            return SD3ControlNetModel.from_config(
                dict(pipeline.transformer.config)
                | {"num_layers": 1, "extra_conditioning_channels": 0}
            )
        case ModelFamily.FLUX:
            config = pipeline.transformer.config
            return FluxControlNetModel.from_transformer(
                pipeline.transformer,
                num_layers=1,
                num_single_layers=1,
                attention_head_dim=config.attention_head_dim,
                num_attention_heads=config.num_attention_heads,
                load_weights_from_transformer=True,
            )


def open_shelf(folder: Path, model: LoadedModel, family: ModelFamily) -> ControlNets:
    vram = VramManager(budget=Budget(device_bytes=ROOM, reserved_bytes=0))
    return ControlNets(model=model, family=family, folder=folder, vram=vram)


def a_hint(number: int = 0, side: int = 64) -> Image.Image:
    """Return white lines on black, others for each number."""
    values = np.zeros((side, side), dtype=np.uint8)
    values[8 + 5 * number :: 16] = 255
    values[:, 3 + 7 * number :: 24] = 255
    return Image.fromarray(values).convert("RGB")
