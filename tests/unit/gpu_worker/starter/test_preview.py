"""A few steps of training the preview decoder, and what the shipped one draws."""

import io
import json
import time
from pathlib import Path
from random import Random

import numpy as np
import pytest
import torch
from diffusers import AutoencoderKL, AutoencoderTiny
from PIL import Image
from torch.utils.flop_counter import FlopCounterMode

from gpu_worker.compose.model_files import check_safetensors
from gpu_worker.starter.autoencoder import build_autoencoder
from gpu_worker.starter.palette import COLOURS
from gpu_worker.starter.preview import build_preview, decode_fully, encode_fully, peak_ratio_db
from gpu_worker.starter.train_preview import PreviewRun, save_preview, train_preview
from gpu_worker.starter.upscaler import paint_large, to_values

MODELS = Path(__file__).parents[4] / "gpu_worker/starter/models"
DRAWINGS = [
    path.read_bytes() for path in sorted((Path(__file__).parent / "held_out").glob("*.webp"))
]
pytestmark = pytest.mark.usefixtures("one_thread")


def drawn_by(seed: int) -> Random:
    return Random(seed)  # noqa: S311 - repeatable on purpose


@pytest.fixture(scope="module")
def full() -> AutoencoderKL:
    return AutoencoderKL.from_pretrained(MODELS / "sdxl/vae", dtype=torch.float32).eval()


@pytest.fixture(scope="module")
def tiny() -> AutoencoderTiny:
    return AutoencoderTiny.from_pretrained(MODELS / "preview", dtype=torch.float32).eval()


@pytest.fixture(scope="module")
def pixels() -> torch.Tensor:
    """Each drawing in the middle of a colour, in -1..1."""
    pictures = []
    for encoded, colour in zip(DRAWINGS, COLOURS.values(), strict=False):
        drawing = Image.open(io.BytesIO(encoded)).convert("RGBA").resize((110, 110))
        canvas = Image.new("RGB", (128, 128), colour)
        canvas.paste(drawing, (9, 9), drawing)
        pictures.append(np.array(canvas))
    return to_values(pictures) * 2 - 1


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


def test_it_is_small():
    model = build_preview()
    assert sum(weights.numel() for weights in model.decoder.parameters()) <= 300_000
    files = (MODELS / "preview").glob("*.safetensors")
    assert 0 < sum(path.stat().st_size for path in files) < 1_000_000


@torch.no_grad()
def test_it_draws_nearly_what_the_full_decoder_draws(
    full: AutoencoderKL, tiny: AutoencoderTiny, pixels: torch.Tensor
):
    latents = encode_fully(full, pixels)
    wanted = decode_fully(full, latents).clamp(-1, 1)
    found = tiny.decode(latents).sample.clamp(-1, 1)
    assert peak_ratio_db(found, wanted, span=2) >= 24
    shapes = [paint_large([], drawn_by(number), scale=1) for number in range(4)]
    latents = encode_fully(full, to_values(shapes) * 2 - 1)
    wanted = decode_fully(full, latents).clamp(-1, 1)
    assert peak_ratio_db(tiny.decode(latents).sample.clamp(-1, 1), wanted, span=2) >= 24


@torch.no_grad()
def test_its_encoder_leads_back_to_the_picture(
    full: AutoencoderKL, tiny: AutoencoderTiny, pixels: torch.Tensor
):
    decoded = decode_fully(full, tiny.encode(pixels).latents).clamp(-1, 1)
    assert peak_ratio_db(decoded, pixels, span=2) >= 18


@torch.no_grad()
def test_it_takes_a_fifth_of_the_work_at_most(full: AutoencoderKL, tiny: AutoencoderTiny):
    latents = torch.randn(4, 4, 16, 16)
    operations = []
    for decode in (tiny.decode, full.decode):
        with FlopCounterMode(display=False) as counter:
            decode(latents)
        operations.append(counter.get_total_flops())
    assert 5 * operations[0] <= operations[1]
    # The processor time of this thread: others' load does not count.
    fastest = [
        min(seconds(decode, latents) for _ in range(3)) for decode in (tiny.decode, full.decode)
    ]
    assert 2 * fastest[0] <= fastest[1]


def seconds(decode, latents: torch.Tensor) -> float:
    begun_s = time.thread_time()
    decode(latents)
    return time.thread_time() - begun_s
