"""Loading a model, once and completely, or saying why not."""

import copy
import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal

import pytest
import torch

from backend.contracts import FAMILY_SAMPLERS, ModelFamily, Sampler
from gpu_worker.compose.composer import choose_device, choose_dtype, load_model
from gpu_worker.families import open_family
from gpu_worker.family import LoadedModel, ModelDefaults
from gpu_worker.state import ModelBroken, ModelMissing, OutOfMemory
from tests.unit.gpu_worker.conftest import open_renderer
from tests.unit.gpu_worker.oracle import draw

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


@pytest.mark.parametrize(
    "field", [{"steps": 0}, {"sampler": "magic"}, {"sampler": "flow_euler"}, {"guidance": "much"}]
)
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


@pytest.mark.parametrize("family", list(ModelFamily))
def test_every_family_is_loaded_and_opened(
    loaded: Mapping[ModelFamily, LoadedModel], family: ModelFamily
):
    opened = open_family(family, loaded[family])
    assert opened.name is family
    assert opened.defaults.sampler in FAMILY_SAMPLERS[family]
    assert (opened.native_side, opened.pixels_per_latent) == (64, 8)


@pytest.mark.parametrize(
    ("family", "steps", "guidance"), [(ModelFamily.SD3, 28, 4.5), (ModelFamily.FLUX, 28, 3.5)]
)
def test_a_folder_without_a_sidecar_is_drawn_as_its_family_usually_is(
    tiny_sd3: Path,
    tiny_flux: Path,
    tmp_path: Path,
    family: ModelFamily,
    steps: int,
    guidance: float,
):
    source = tiny_sd3 if family is ModelFamily.SD3 else tiny_flux
    folder = Path(shutil.copytree(source, tmp_path / "model"))
    (folder / "impasto.json").unlink()
    loaded = load_model(family, str(folder), device="cpu", dtype="float32")
    assert loaded.defaults == ModelDefaults(
        steps=steps, guidance=guidance, sampler=Sampler.FLOW_EULER
    )


def test_a_plain_flux_without_a_sidecar_is_left_unguided(tiny_flux_plain: Path, tmp_path: Path):
    folder = Path(shutil.copytree(tiny_flux_plain, tmp_path / "model"))
    (folder / "impasto.json").write_text(json.dumps({"steps": 6}))
    loaded = load_model(ModelFamily.FLUX, str(folder), device="cpu", dtype="float32")
    assert loaded.defaults == ModelDefaults(steps=6, guidance=1.0, sampler=Sampler.FLOW_EULER)


@pytest.mark.parametrize("family", [ModelFamily.SD3, ModelFamily.FLUX])
def test_a_folder_of_another_family_is_a_broken_model(tiny_sdxl: Path, family: ModelFamily):
    with pytest.raises(ModelBroken, match=f"holds StableDiffusionXLPipeline, and {family} is"):
        load_model(family, str(tiny_sdxl), device="cpu", dtype="float32")


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("family", list(ModelFamily))
def test_weights_stored_in_half_are_held_in_the_one_width_asked_for(
    loaded: Mapping[ModelFamily, LoadedModel],
    tmp_path: Path,
    family: ModelFamily,
    dtype: Literal["float32", "bfloat16"],
):
    halved = copy.deepcopy(loaded[family].pipeline).to(torch.float16)
    halved.save_pretrained(tmp_path / "half", safe_serialization=True)
    again = load_model(family, str(tmp_path / "half"), device="cpu", dtype=dtype)
    parts = [p for p in again.pipeline.components.values() if isinstance(p, torch.nn.Module)]
    widths = {tensor.dtype for part in parts for tensor in part.parameters()}
    assert widths == {again.dtype}
    if again.dtype is torch.bfloat16:
        assert draw(open_renderer(open_family(family, again))).pictures[0].size == (64, 64)


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
