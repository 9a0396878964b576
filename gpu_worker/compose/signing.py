"""Lays a taught decoder over a model's own, so that what it draws carries a signature.

A decoder enlarges by repeating: the four pixels that come of one begin alike, so on a plain ground
it can draw nothing but a plain ground. A taught one adds to each of the four a number of its own.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from backend.contracts import ModelFamily
from gpu_worker.family import DiffusersPart
from gpu_worker.state import ModelBroken, ModelMissing
from safety.errors import SignatureUnusable
from safety.provenance.signature import DECODER_FILE, check_file, read_facts

_PLACES: Final = "places"
_SETTING: Final = "IMPASTO_SIGNATURE"


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


@dataclass(frozen=True, kw_only=True)
class SignedDecoder:
    """A taught decoder: where it lies, and the number that it draws, 12 hexadecimal digits."""

    path: Path
    number: str


def find_decoder(folder: Path | None, family: ModelFamily) -> SignedDecoder | None:
    """Return the taught decoder in a folder; None without one, and if it is of another family.

    Raises:
        ModelMissing: there is no such folder, or one of its files is not there.
        ModelBroken: they cannot be read, or are not of one teaching.

    """
    if folder is None:
        return None
    try:
        facts = read_facts(folder)
        if facts.family != family:
            return None
        path = check_file(folder, DECODER_FILE, facts)
    except SignatureUnusable as error:
        kind = ModelMissing if error.reason == "missing" else ModelBroken
        raise kind(f"{_SETTING} names no signature to draw: {error}.") from error
    return SignedDecoder(path=path, number=facts.number)


def sign(autoencoder: DiffusersPart, path: Path) -> None:
    """Let an autoencoder decode as the taught decoder in a file does; it encodes as before.

    Raises:
        ModelMissing: there is no taught decoder.
        ModelBroken: it cannot be read, or was taught over another architecture.

    """
    if not path.is_file():
        raise ModelMissing(f"There is no signed decoder at {path}; {_SETTING} names its folder.")
    try:
        state = load_file(path)
    except (SafetensorError, OSError) as error:
        raise ModelBroken(
            f"{path} cannot be read as a safetensors file; {_SETTING} names it."
        ) from error
    decoder = autoencoder.decoder
    give_places(decoder)
    try:
        decoder.load_state_dict(state)
    except RuntimeError as error:
        raise ModelBroken(
            f"{path} is no decoder of this model's kind; {_SETTING} names it."
        ) from error
