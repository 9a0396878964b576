"""Takes up models that have shipped, so that others can be trained on them or begin with them."""

import json
from pathlib import Path

import torch
from diffusers import AutoencoderKL
from safetensors.torch import load_file
from torch import nn

from gpu_worker.family import DiffusersPart
from gpu_worker.starter.checkpoints import save_checkpoint
from gpu_worker.starter.student import Student

_ENCODER = "encoder"
_CLIP = "text_model."
_SD3_WAY_IN = "transformer.pos_embed.proj"


def adopt_autoencoder(folder: Path, run_folder: Path) -> Path:
    """Use a model folder's autoencoder as the one that was trained here; return where it lies."""
    model = AutoencoderKL.from_pretrained(folder / "vae", local_files_only=True).float()
    # What ships has the sharpened decoder, and the encoder of both.
    for name in ("vae", "vae-sharp"):
        model.save_pretrained(run_folder / name)
    return run_folder / "vae"


def adopt_model(folder: Path, student: Student, checkpoint: Path) -> Path:
    """Write a model folder's weights as the averaged ones of a checkpoint; return its path.

    Nothing can be resumed from it, as what the optimiser knew is gone.
    """
    student.trained.load_state_dict(read_parts(student.trained, folder))
    save_checkpoint(checkpoint, {"average": student.trained.state_dict()})
    return checkpoint


def read_parts(trained: nn.ModuleDict, folder: Path) -> dict[str, torch.Tensor]:
    """Return a folder's weights under the names that a checkpoint gives them.

    An encoder is taken from where the folder holds one of its kind, first by the same name: T5 is
    SD3's third encoder, and Flux's second.
    """
    weights: dict[str, torch.Tensor] = {}
    for name, part in trained.items():
        source = folder / name
        if name.startswith(_ENCODER):
            config: DiffusersPart = part.config
            source = _find_encoder(folder, name, kind=str(config.model_type))
        for file in sorted(source.glob("*.safetensors")):
            weights |= _named(name, part, load_file(file))
    if (
        _SD3_WAY_IN + ".weight" in weights
        and "transformer.x_embedder.weight" in trained.state_dict()
    ):
        weights |= _as_flux(weights)
    return weights


def _named(name: str, part: nn.Module, stored: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Name stored weights as a part has them: only one of CLIP's two classes says `text_model`."""
    wanted = part.state_dict()
    bare = {key: key.removeprefix(_CLIP) for key in stored}
    found = {bare[key] if bare[key] in wanted else key: weight for key, weight in stored.items()}
    # Of a tensor that goes by two names, T5's embeddings, only one is stored.
    by_place = {wanted[key].data_ptr(): weight for key, weight in found.items() if key in wanted}
    tied = {
        key: by_place[one.data_ptr()] for key, one in wanted.items() if one.data_ptr() in by_place
    }
    return {f"{name}.{key}": weight.float() for key, weight in (tied | found).items()}


def _as_flux(weights: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Return what Flux calls SD3's way in and out; the channels of a patch lie in another order."""
    way_in = weights[f"{_SD3_WAY_IN}.weight"]
    way_out = {key: weights[f"transformer.proj_out.{key}"] for key in ("weight", "bias")}
    channels, patch = way_in.shape[1], way_in.shape[2]
    return {
        "transformer.x_embedder.weight": way_in.flatten(1),
        "transformer.x_embedder.bias": weights[f"{_SD3_WAY_IN}.bias"],
        **{
            f"transformer.proj_out.{key}": weight.reshape(
                patch * patch, channels, *weight.shape[1:]
            )
            .transpose(0, 1)
            .flatten(0, 1)
            for key, weight in way_out.items()
        },
    }


def _find_encoder(folder: Path, name: str, *, kind: str) -> Path:
    wanted = folder / name.replace(_ENCODER, "text_encoder")
    for source in (wanted, *sorted(folder.glob("text_encoder*"))):
        config = source / "config.json"
        if config.exists() and json.loads(config.read_text())["model_type"] == kind:
            return source
    return wanted
