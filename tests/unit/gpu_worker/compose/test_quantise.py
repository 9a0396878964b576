"""Fewer bits by the operator's word, and a clear word back where the library is not there."""

from importlib.util import find_spec
from pathlib import Path

import pytest
import torch

from backend.contracts import LoraUse, ModelFamily
from gpu_worker.compose import quantise as quantise_module
from gpu_worker.compose.composer import load_model
from gpu_worker.compose.quantise import QuantiseChoice, quantisation_of
from gpu_worker.compose.wardrobe import Wardrobe
from gpu_worker.families import open_family
from gpu_worker.family import Conditioning, LoadedModel
from gpu_worker.state import ModelNotConfigured
from tests.unit.gpu_worker.compose.loras import style_lora


def test_nothing_is_quantised_unless_it_is_asked_for():
    assert quantisation_of("none", family=ModelFamily.SDXL, dtype=torch.float32) is None


@pytest.mark.parametrize(
    ("choice", "library"),
    [("nf4", "bitsandbytes"), ("int8", "bitsandbytes"), ("fp8", "torchao")],
)
def test_a_library_that_is_not_there_is_named_before_anything_is_loaded(
    tiny_sdxl: Path, monkeypatch: pytest.MonkeyPatch, choice: QuantiseChoice, library: str
):
    monkeypatch.setattr(quantise_module, "find_spec", lambda _name: None)
    with pytest.raises(ModelNotConfigured, match=f"IMPASTO_QUANTISE={choice} needs .* {library}"):
        load_model(ModelFamily.SDXL, str(tiny_sdxl), device="cpu", dtype="float32", quantise=choice)


@pytest.mark.skipif(find_spec("torchao") is None, reason="torchao is not installed")
def test_a_network_in_eight_bits_wears_loras_and_takes_them_off(tiny_sdxl: Path, tmp_path: Path):
    model = load_model(
        ModelFamily.SDXL, str(tiny_sdxl), device="cpu", dtype="bfloat16", quantise="fp8"
    )
    linear = model.pipeline.unet.get_submodule("time_embedding.linear_1")
    assert type(linear.weight).__name__ == "Float8Tensor"
    before = _look(model)
    style_lora(tmp_path / "one.safetensors", model)
    wardrobe = Wardrobe(model=model, family=ModelFamily.SDXL, folder=tmp_path, cached_bytes=2**20)
    wardrobe.dress((LoraUse(name="one"),))
    assert (_look(model) - before).abs().max() > 0.1
    wardrobe.dress(())
    assert torch.equal(_look(model), before)


def _look(model: LoadedModel) -> torch.Tensor:
    family = open_family(ModelFamily.SDXL, model)
    latents = torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(1)).to(model.dtype)
    told = Conditioning(
        embeds=torch.ones(1, 77, 64, dtype=model.dtype),
        pooled=torch.ones(1, 32, dtype=model.dtype),
        facts=torch.zeros(1, 6, dtype=model.dtype),
    )
    with torch.inference_mode():
        return family.predict_noise(latents, torch.tensor([500.0]), told)
