"""A few steps of training the preview decoder, and what the shipped one draws."""

import json
from pathlib import Path
from random import Random

import pytest
import torch
from diffusers import AutoencoderTiny
from torch.utils.flop_counter import FlopCounterMode

from gpu_worker.compose.model_files import check_safetensors
from gpu_worker.starter.autoencoder import build_autoencoder
from gpu_worker.starter.preview import build_preview
from gpu_worker.starter.train_preview import PreviewRun, save_preview, train_preview

MODELS = Path(__file__).parents[4] / "gpu_worker/starter/models"
DRAWINGS = [
    path.read_bytes() for path in sorted((Path(__file__).parent / "held_out").glob("*.webp"))
]
pytestmark = pytest.mark.usefixtures("one_thread")


def drawn_by(seed: int) -> Random:
    return Random(seed)  # noqa: S311 - repeatable on purpose


@pytest.fixture
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def test_training_learns_goes_on_and_is_kept_in_the_librarys_own_layout(tmp_path: Path):
    autoencoder = build_autoencoder()
    train_preview(PreviewRun(folder=tmp_path, steps=1, batch=2), autoencoder, DRAWINGS)
    made = train_preview(PreviewRun(folder=tmp_path, steps=3, batch=2), autoencoder, DRAWINGS)
    logged = [json.loads(line) for line in (tmp_path / "preview.jsonl").read_text().splitlines()]
    assert [line["step"] for line in logged] == [1, 3]
    folder = save_preview(made, tmp_path / "made")
    check_safetensors(folder / "diffusion_pytorch_model.safetensors")
    loaded = AutoencoderTiny.from_pretrained(folder, dtype=torch.float32)
    latents = torch.randn(1, 4, 16, 16)
    with torch.no_grad():
        drawn = loaded.decode(latents).sample
        assert torch.allclose(drawn, made.float().decode(latents).sample, atol=1e-5)
    assert drawn.shape == (1, 3, 128, 128)


def test_its_decoder_is_small():
    decoder = build_preview().decoder
    assert sum(weights.numel() for weights in decoder.parameters()) <= 300_000


@torch.no_grad()
def test_it_takes_a_fifth_of_the_work_at_most():
    operations = []
    for model in (build_preview(), build_autoencoder()):
        with FlopCounterMode(display=False) as counter:
            model.decode(torch.randn(1, 4, 16, 16))
        operations.append(counter.get_total_flops())
    assert 5 * operations[0] <= operations[1]
