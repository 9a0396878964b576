"""Loading a model, once and completely, or saying why not."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from backend.contracts import ModelFamily, Sampler
from gpu_worker.compose.composer import choose_device, choose_dtype, load_model
from gpu_worker.families import open_family
from gpu_worker.family import LoadedModel, ModelDefaults
from gpu_worker.state import FamilyNotDrawn, ModelBroken, ModelMissing, OutOfMemory

CopyModel = Callable[[], Path]


def load(folder: Path | str) -> LoadedModel:
    return load_model(ModelFamily.SDXL, str(folder), device="cpu", dtype="float32")


def test_a_folder_is_loaded_with_the_defaults_beside_it(loaded_sdxl: LoadedModel):
    assert loaded_sdxl.defaults == ModelDefaults(steps=8, guidance=3.0, sampler=Sampler.EULER_A)
    assert loaded_sdxl.pipeline.unet.dtype is torch.float32


def test_a_folder_without_a_sidecar_takes_the_usual_defaults(copy_of_tiny_sdxl: CopyModel):
    folder = copy_of_tiny_sdxl()
    (folder / "impasto.json").unlink()
    defaults = load(folder).defaults
    assert (defaults.steps, defaults.guidance, defaults.sampler) == (30, 7.0, Sampler.EULER_A)


@pytest.mark.parametrize("field", [{"steps": 0}, {"sampler": "magic"}, {"guidance": "much"}])
def test_a_bad_sidecar_is_named_with_its_field(
    copy_of_tiny_sdxl: CopyModel, field: dict[str, object]
):
    folder = copy_of_tiny_sdxl()
    (folder / "impasto.json").write_text(json.dumps(field))
    with pytest.raises(
        ModelBroken, match=rf"impasto\.json has bad values for: {next(iter(field))}"
    ):
        load(folder)


def test_nonsense_in_a_config_is_a_broken_model(copy_of_tiny_sdxl: CopyModel):
    folder = copy_of_tiny_sdxl()
    config = json.loads((folder / "unet/config.json").read_text())
    (folder / "unet/config.json").write_text(json.dumps(config | {"block_out_channels": [8, 16]}))
    with pytest.raises(ModelBroken, match="could not be loaded"):
        load(folder)


def test_a_hub_that_does_not_answer_is_a_missing_model(monkeypatch: pytest.MonkeyPatch):
    # As where there is no network, without waiting for one.
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(ModelMissing, match="nobody/nothing is neither a folder here"):
        load("nobody/nothing")


def test_a_missing_folder_is_a_missing_model(tmp_path: Path):
    with pytest.raises(ModelMissing):
        load(tmp_path / "nowhere")


@pytest.mark.parametrize("family", [ModelFamily.SD3, ModelFamily.FLUX])
def test_families_without_drawing_code_say_so(family: ModelFamily, loaded_sdxl: LoadedModel):
    with pytest.raises(FamilyNotDrawn, match=f"cannot draw {family} yet"):
        open_family(family, loaded_sdxl)


def test_a_model_that_does_not_fit_into_memory_is_not_called_broken(
    tiny_sdxl: Path, monkeypatch: pytest.MonkeyPatch
):
    def run_out(*_: object, **__: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory.")

    monkeypatch.setattr("diffusers.StableDiffusionXLPipeline.from_pretrained", run_out)
    with pytest.raises(OutOfMemory, match="model of sdxl did not fit"):
        load(tiny_sdxl)


def test_choices_of_device_and_dtype():
    assert choose_device("cpu") == torch.device("cpu")
    assert choose_device("auto").type == ("cuda" if torch.cuda.is_available() else "cpu")
    assert choose_dtype("auto", torch.device("cpu")) is torch.float32
    assert choose_dtype("auto", torch.device("cuda")) is torch.bfloat16
    assert choose_dtype("float16", torch.device("cpu")) is torch.float16
