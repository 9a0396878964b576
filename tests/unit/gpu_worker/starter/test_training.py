"""A few steps of every training, on shapes alone."""

import json
from pathlib import Path
from random import Random

import pytest
import torch
from diffusers import DiffusionPipeline
from torch.nn.attention import SDPBackend, sdpa_kernel

from gpu_worker.compose.model_files import check_model_folder, read_sidecar
from gpu_worker.starter.autoencoder import build_autoencoder, encode_mean, fold_statistics
from gpu_worker.starter.data import Art
from gpu_worker.starter.export import export_model
from gpu_worker.starter.gallery import Gallery, load_gallery, paint_gallery
from gpu_worker.starter.sheet import draw_pictures, lay_out
from gpu_worker.starter.student import Student
from gpu_worker.starter.students.flux import FluxStudent, pack, unpack
from gpu_worker.starter.students.sd3 import Sd3Student
from gpu_worker.starter.students.sdxl import SdxlStudent
from gpu_worker.starter.train_autoencoder import (
    AutoencoderRun,
    train_autoencoder,
    train_decoder,
)
from gpu_worker.starter.training import TrainingRun, graft_folder, rate_share, restore, train
from gpu_worker.starter.vocabulary import FIRST_LESSON

SHAPES_ONLY = Art(objects={})
PIPELINE_DEFAULTS = {"steps", "guidance", "sampler", "display_scale", "draws_parts", "preview"}

pytestmark = [
    pytest.mark.usefixtures("one_thread"),
    # torch: a norm in two widths takes the plain way, which is right and hardly slower here.
    pytest.mark.filterwarnings("ignore:Mismatch dtype between input and weight"),
]


@pytest.fixture(scope="module")
def gallery(tmp_path_factory: pytest.TempPathFactory) -> Gallery:
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("gallery") / "gallery.npz"
    return paint_gallery(
        path, build_autoencoder(), SHAPES_ONLY, lesson=FIRST_LESSON, count=4, seed=0
    )


def open_student(name: str, folder: Path) -> Student:
    torch.manual_seed(0)
    match name:
        case "sdxl":
            return SdxlStudent(folder=folder, widths=(16, 32, 32))
        case "sd3":
            return Sd3Student(folder=folder, width=64, layers=1)
        case _:
            return FluxStudent(folder=folder, width=64, double_layers=1, single_layers=1)


def run_of(folder: Path, steps: int) -> TrainingRun:
    folder.mkdir(exist_ok=True)
    return TrainingRun(folder=folder, steps=steps, batch=2, threads=1)


def weights(path: Path) -> dict[str, torch.Tensor]:
    return torch.load(path, weights_only=True)["average"]


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


def test_a_gallery_is_read_back_as_it_was_painted(gallery: Gallery, tmp_path: Path):
    autoencoder = build_autoencoder()
    options = {"lesson": FIRST_LESSON, "count": 3, "seed": 1}
    painted = paint_gallery(tmp_path / "g.npz", autoencoder, SHAPES_ONLY, **options)
    read = load_gallery(tmp_path / "g.npz")
    assert read.scenes == painted.scenes
    assert torch.equal(read.latents, painted.latents)
    assert gallery.latents.shape == (4, 4, 16, 16)
    scenes, latents = gallery.hang(Random(1), 2)  # noqa: S311 repeatable on purpose
    assert torch.equal(latents[0], gallery.latents[gallery.scenes.index(scenes[0])].float())


@pytest.mark.parametrize("name", ["sdxl", "sd3", "flux"])
def test_a_run_that_was_cut_ends_in_the_same_weights(name: str, gallery: Gallery, tmp_path: Path):
    whole, cut = run_of(tmp_path / "whole", 4), run_of(tmp_path / "cut", 4)
    train(whole, open_student(name, tmp_path), gallery)

    # What a run of four steps has after two: the rate follows the steps of the whole run.
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("gpu_worker.starter.training.rate_share", lambda step, _: rate_share(step, 4))
        train(run_of(cut.folder, 2), open_student(name, tmp_path), gallery)
    train(cut, open_student(name, tmp_path), gallery)

    expected, found = (weights(run.folder / f"{name}.pt") for run in (whole, cut))
    assert expected.keys() == found.keys()
    assert all(torch.allclose(expected[key], found[key], atol=1e-5) for key in expected)


@pytest.mark.parametrize("name", ["sdxl", "sd3", "flux"])
def test_what_is_trained_loads_in_the_stock_pipeline_in_one_width(
    name: str, gallery: Gallery, tmp_path: Path
):
    tiny = AutoencoderRun(folder=tmp_path, steps=2, batch=2, side=32, threads=1)
    autoencoder = train_autoencoder(tiny, SHAPES_ONLY)
    run, student = run_of(tmp_path, 2), open_student(name, tmp_path)
    train(run, student, gallery)
    sharpened = train_decoder(tiny, autoencoder, SHAPES_ONLY)
    restore(run, student)
    folder = tmp_path / "model"
    export_model(folder, student, sharpened, run_folder=tmp_path, lesson=FIRST_LESSON)

    check_model_folder(folder)
    assert read_sidecar(folder).keys() == PIPELINE_DEFAULTS
    card = (folder / "README.md").read_text()
    assert "2 steps" in card
    assert "$" not in card
    pipeline = DiffusionPipeline.from_pretrained(folder)
    pictures = draw_pictures(
        pipeline, ["a red star", "a dot"], steps=2, guidance=2.0, seed=1, side=32
    )
    assert [picture.shape for picture in pictures] == [(32, 32, 3)] * 2
    assert lay_out(pictures, ["a red star", "a dot"], columns=2).size == (256, 142)
    logged = [json.loads(line) for line in (tmp_path / "decoder.jsonl").read_text().splitlines()]
    assert logged[-1]["pictures"] == 4


def test_a_run_may_begin_with_the_weights_of_a_model_folder(gallery: Gallery, tmp_path: Path):
    student = open_student("sdxl", tmp_path)
    export_model(
        tmp_path / "model", student, build_autoencoder(), run_folder=tmp_path, lesson=FIRST_LESSON
    )
    torch.manual_seed(1)
    other = SdxlStudent(folder=tmp_path, widths=(16, 32, 32))
    taken = graft_folder(other.trained, tmp_path / "model", tokenizer=tmp_path / "tokenizer")
    assert taken == len(list(other.trained.parameters()))
    for mine, theirs in zip(other.trained.parameters(), student.trained.parameters(), strict=True):
        assert torch.allclose(mine, theirs.float(), atol=1e-3)


def test_flux_packs_latents_as_its_pipeline_does():
    latents = torch.randn(2, 4, 16, 16)
    assert torch.equal(unpack(pack(latents)), latents)
    from diffusers import FluxPipeline

    assert torch.equal(pack(latents), FluxPipeline._pack_latents(latents, 2, 4, 16, 16))


def test_a_distilled_flux_learns_what_its_teacher_says_under_guidance(
    gallery: Gallery, tmp_path: Path
):
    student = open_student("flux", tmp_path)
    for weight in student.trained["transformer"].proj_out.parameters():
        torch.nn.init.normal_(weight, std=0.02)
    student.begin_distilling()
    optimiser = torch.optim.Adam(student.trained.parameters(), lr=2e-3)
    losses = []
    for _ in range(12):
        scenes, latents = gallery.hang(Random(0), 4)  # noqa: S311 repeatable on purpose
        captions = [scene.background for scene in scenes]
        with sdpa_kernel(SDPBackend.MATH):
            loss = student.loss(latents, captions, Random(5))  # noqa: S311 repeatable on purpose
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < 0.8 * losses[0]


def test_the_learning_rate_rises_stays_and_falls():
    shares = [rate_share(step, 1000) for step in (0, 99, 500, 750, 875, 999)]
    assert shares == [0.01, 1.0, 1.0, 1.0, 0.5, 0.02]
