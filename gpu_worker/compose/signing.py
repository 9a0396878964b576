"""Lays a taught decoder over a model's own, so that what it draws carries a signature.

A decoder enlarges by repeating: the four pixels that come of one begin alike, so on a plain ground
it can draw nothing but a plain ground. A taught one adds to each of the four a number of its own.
"""

import json
from pathlib import Path
from typing import Final

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from backend.contracts import ModelFamily
from gpu_worker.family import DiffusersPart
from gpu_worker.state import ModelBroken, ModelMissing
from safety.provenance.watermarks.stable_signature import FACTS_FILE

DECODER_FILE: Final = "decoder.safetensors"
_PLACES: Final = "places"


def give_places(decoder: nn.Module) -> list[nn.Parameter]:
    """Let each of four pixels that come of one be told apart, by nothing yet; return by what."""
    found = []
    for block in decoder.get_submodule("up_blocks").children():
        for upsampler in getattr(block, "upsamplers", None) or ():
            channels = int(upsampler.conv.out_channels)
            like = upsampler.conv.weight
            places = nn.Parameter(like.new_zeros((1, channels, 2, 2)))
            upsampler.register_parameter(_PLACES, places)
            upsampler.register_forward_hook(_add_places)
            found.append(places)
    return found


def _add_places(upsampler: nn.Module, _given: object, made: torch.Tensor) -> torch.Tensor:
    places = upsampler.get_parameter(_PLACES).to(made.dtype)
    down, across = (side // 2 for side in made.shape[2:])
    return made + places.repeat(1, 1, down, across)


def save_decoder(decoder: nn.Module, folder: Path) -> None:
    """Write a taught decoder, in 16 bits."""
    state = {name: tensor.detach().half() for name, tensor in decoder.state_dict().items()}
    save_file({name: tensor.contiguous() for name, tensor in state.items()}, folder / DECODER_FILE)


def signs(folder: Path, family: ModelFamily) -> bool:
    """Tell whether the taught decoder in a folder is one of this family.

    Raises:
        ModelMissing: there is no such folder, or nothing in it says of which it is.
        ModelBroken: what says so is broken.

    """
    path = folder / FACTS_FILE
    try:
        return bool(json.loads(path.read_text(encoding="utf-8"))["family"] == family)
    except OSError as error:
        raise ModelMissing(f"There is no signature at {path}.") from error
    except (ValueError, KeyError, TypeError) as error:
        raise ModelBroken(f"{path} does not say of which family its decoder is.") from error


def sign(autoencoder: DiffusersPart, folder: Path) -> None:
    """Let an autoencoder decode as the taught decoder in a folder does; it encodes as before.

    Raises:
        ModelMissing: there is no taught decoder.
        ModelBroken: it cannot be read, or was taught over another architecture.

    """
    path = folder / DECODER_FILE
    if not path.is_file():
        raise ModelMissing(f"There is no signed decoder at {path}.")
    try:
        state = load_file(path)
    except (SafetensorError, OSError) as error:
        raise ModelBroken(f"{path} cannot be read as a safetensors file.") from error
    decoder = autoencoder.decoder
    give_places(decoder)
    try:
        decoder.load_state_dict(state)
    except RuntimeError as error:
        raise ModelBroken(f"{path} is no decoder of this model's kind.") from error
