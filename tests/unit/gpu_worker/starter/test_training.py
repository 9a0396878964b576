"""A few steps of every training, on shapes alone."""

import json
from pathlib import Path

import pytest
import torch
from diffusers import StableDiffusionXLPipeline

from gpu_worker.compose.model_files import check_model_folder, read_sidecar
from gpu_worker.starter.autoencoder import build_autoencoder, encode_mean, fold_statistics
from gpu_worker.starter.data import Art
from gpu_worker.starter.export import export_sdxl
from gpu_worker.starter.sheet import draw_pictures, lay_out
from gpu_worker.starter.train_autoencoder import (
    AutoencoderRun,
    train_autoencoder,
    train_decoder,
)
from gpu_worker.starter.train_sdxl import SdxlRun, load_parts, rate_share, train_sdxl

SHAPES_ONLY = Art(objects={})
WIDTHS = (16, 32, 32)


@pytest.fixture
def one_thread():
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def sdxl_run(folder: Path, steps: int) -> SdxlRun:
    folder.mkdir(exist_ok=True)
    return SdxlRun(folder=folder, steps=steps, batch=2, side=32, widths=WIDTHS, threads=1)


def weights(path: Path) -> dict[str, torch.Tensor]:
    return torch.load(path, weights_only=True)["average"]


@pytest.mark.usefixtures("one_thread")
def test_an_autoencoder_begins_with_the_right_colours():
    torch.manual_seed(0)
    model = build_autoencoder().eval()
    pixels = torch.full((1, 3, 32, 32), -0.6)
    pixels[:, 0] = 0.6
    with torch.no_grad():
        red, green, blue = model.decode(encode_mean(model, pixels)).sample[0, :, 16, 16]
    assert red > 0.2
    assert green < -0.2
    assert blue < -0.2


@pytest.mark.usefixtures("one_thread")
def test_folding_evens_the_latents_and_leaves_the_pictures():
    torch.manual_seed(0)
    model = build_autoencoder().eval()
    pixels = torch.rand(16, 3, 32, 32) * 2 - 1
    with torch.no_grad():
        latents = encode_mean(model, pixels)
        before = model.decode(latents).sample
        fold_statistics(model, latents)
        folded = encode_mean(model, pixels)
        after = model.decode(folded).sample
    assert torch.allclose(before, after, atol=1e-3)
    unit = folded * model.config.scaling_factor
    assert torch.allclose(unit.mean(dim=(0, 2, 3)), torch.zeros(4), atol=1e-3)
    assert 0.9 < float(unit.square().mean()) < 1.1


@pytest.mark.usefixtures("one_thread")
def test_a_run_that_was_cut_ends_in_the_same_weights(tmp_path: Path):
    autoencoder = build_autoencoder()
    whole, cut = sdxl_run(tmp_path / "whole", 4), sdxl_run(tmp_path / "cut", 4)
    train_sdxl(whole, autoencoder, SHAPES_ONLY)

    # What a run of four steps has after two: the rate follows the steps of the whole run.
    first = sdxl_run(tmp_path / "cut", 4)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            "gpu_worker.starter.train_sdxl.rate_share", lambda step, _: rate_share(step, 4)
        )
        train_sdxl(sdxl_run(first.folder, 2), autoencoder, SHAPES_ONLY)
    train_sdxl(cut, autoencoder, SHAPES_ONLY)

    expected, found = (weights(run.folder / "sdxl.pt") for run in (whole, cut))
    assert expected.keys() == found.keys()
    assert all(torch.allclose(expected[name], found[name], atol=1e-5) for name in expected)


@pytest.mark.usefixtures("one_thread")
def test_what_is_trained_loads_in_the_stock_pipeline(tmp_path: Path):
    tiny = AutoencoderRun(folder=tmp_path, steps=2, batch=2, side=32, threads=1)
    autoencoder = train_autoencoder(tiny, SHAPES_ONLY)
    run = sdxl_run(tmp_path, 2)
    train_sdxl(run, autoencoder, SHAPES_ONLY)
    sharpened = train_decoder(tiny, autoencoder, SHAPES_ONLY)
    parts = load_parts(run, averaged=True)
    folder = export_sdxl(tmp_path / "model", parts, sharpened, run_folder=tmp_path)

    check_model_folder(folder)
    assert read_sidecar(folder).keys() == {"steps", "guidance", "sampler"}
    card = (folder / "README.md").read_text()
    assert "2 steps" in card
    assert "$" not in card
    pipeline = StableDiffusionXLPipeline.from_pretrained(folder, dtype=torch.float32)
    pipeline.set_progress_bar_config(disable=True)
    pictures = draw_pictures(
        pipeline, ["a red star", "a dot"], steps=2, guidance=2.0, seed=1, side=32
    )
    assert [picture.shape for picture in pictures] == [(32, 32, 3)] * 2
    assert lay_out(pictures, ["a red star", "a dot"], columns=2).size == (256, 142)
    logged = [json.loads(line) for line in (tmp_path / "decoder.jsonl").read_text().splitlines()]
    assert logged[-1]["pictures"] == 4


def test_the_learning_rate_rises_stays_and_falls():
    shares = [rate_share(step, 1000) for step in (0, 99, 500, 750, 875, 999)]
    assert shares == [0.01, 1.0, 1.0, 1.0, 0.5, 0.02]
