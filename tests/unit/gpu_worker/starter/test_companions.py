"""The styles and edges that companions are taught with, and a few steps of teaching them."""

from pathlib import Path
from random import Random

import numpy
import pytest
import torch
from diffusers import AutoencoderKL, ControlNetModel

from gpu_worker.starter.autoencoder import build_autoencoder
from gpu_worker.starter.companions import fold_edges, unfold_edges
from gpu_worker.starter.data import Art
from gpu_worker.starter.edges import find_edges
from gpu_worker.starter.palette import COLOURS
from gpu_worker.starter.scenes import SIDE, Figure, Scene, paint
from gpu_worker.starter.sheet import draw_pictures
from gpu_worker.starter.students.sdxl import SdxlStudent
from gpu_worker.starter.styles import PIXEL, STYLE_WORDS, STYLES, to_line_drawing, to_pixel_art
from gpu_worker.starter.train_controlnet import (
    ControlnetStudent,
    export_controlnet,
    paint_moved,
    paint_moved_gallery,
    tear,
)
from gpu_worker.starter.train_lora import LoraStudent, export_lora, paint_styled_gallery
from gpu_worker.starter.training import TrainingRun, train
from gpu_worker.starter.vocabulary import SHAPES

SHAPES_ONLY = Art(objects={})
CIRCLE = next(thing for thing in SHAPES if thing.name == "circle")

pytestmark = [
    pytest.mark.usefixtures("one_thread"),
    # torch: a norm in two widths takes the plain way, which is right and hardly slower here.
    pytest.mark.filterwarnings("ignore:Mismatch dtype between input and weight"),
]


def seeded(seed: int) -> Random:
    return Random(seed)  # noqa: S311 repeatable on purpose


def paint_circle(*, colour: str = "red", background: str = "yellow") -> numpy.ndarray:
    scene = Scene(figures=(Figure(thing=CIRCLE, colour=colour),), background=background)
    return paint(scene, SHAPES_ONLY, seeded(1))


def open_base(folder: Path) -> SdxlStudent:
    torch.manual_seed(0)
    base = SdxlStudent(folder=folder, widths=(16, 32, 32))
    base.trained.requires_grad_(requires_grad=False).eval()
    return base


@pytest.fixture(scope="module")
def autoencoder() -> AutoencoderKL:
    torch.manual_seed(0)
    return build_autoencoder().eval()


def short_run(folder: Path) -> TrainingRun:
    return TrainingRun(folder=folder, steps=2, batch=2, threads=1)


def weights_of(module: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {name: weight.clone() for name, weight in module.state_dict().items()}


def test_pixel_art_is_made_of_few_large_flat_pixels():
    blocks = to_pixel_art(paint_circle()).reshape(16, PIXEL, 16, PIXEL, 3)
    corners = blocks[:, :1, :, :1]
    assert (blocks == corners).all()
    assert len(numpy.unique(corners.reshape(-1, 3), axis=0)) <= 12


@pytest.mark.parametrize(("background", "is_dark"), [("yellow", True), ("black", False)])
def test_the_outline_of_pixel_art_stands_out_from_the_background(*, background: str, is_dark: bool):
    drawn = to_pixel_art(paint_circle(background=background))
    row = drawn[SIDE // 2, : SIDE // 2].mean(axis=1)
    assert (row.min() < 40) if is_dark else (row.max() > 220)


def test_a_line_drawing_is_ink_on_nearly_white_paper():
    drawn = to_line_drawing(paint_circle()).mean(axis=2)
    assert numpy.median(drawn) > 200
    assert 0.01 < (drawn < 100).mean() < 0.15


def test_every_style_has_words_and_keeps_the_size():
    for name, restyle in STYLES.items():
        assert STYLE_WORDS[name]
        assert restyle(paint_circle()).shape == (SIDE, SIDE, 3)


def test_the_edge_of_a_circle_is_its_rim():
    edges = find_edges(paint_circle())
    down, across = numpy.nonzero(edges)
    distances = numpy.hypot(down - SIDE / 2, across - SIDE / 2)
    assert set(numpy.unique(edges)) == {0, 255}
    assert distances.max() - distances.min() < 9
    angles = numpy.unique(numpy.round(numpy.arctan2(down - SIDE / 2, across - SIDE / 2) * 5))
    assert len(angles) >= 31


def test_grey_on_a_grey_like_it_still_has_an_edge_and_a_plain_picture_has_none():
    picture = numpy.full((64, 64, 3), COLOURS["gray"], dtype=numpy.uint8)
    assert not find_edges(picture).any()
    picture[20:44, 20:44] += 36
    assert find_edges(picture)[20, 20:44].all()


def test_edges_keep_the_size_of_an_oblong_picture():
    picture = numpy.zeros((40, 72, 3), dtype=numpy.uint8)
    picture[:, 30:] = 255
    edges = find_edges(picture)
    assert edges.shape == (40, 72)
    assert edges[:, 28:32].any()


def test_a_moved_scene_is_the_same_for_the_same_seed_and_has_no_named_place():
    scene, picture = paint_moved(SHAPES_ONLY, seeded(4))
    again, same = paint_moved(SHAPES_ONLY, seeded(4))
    assert scene == again
    assert scene.place is None
    assert (picture == same).all()


def test_moved_figures_are_not_where_captions_put_them():
    middles = []
    for seed in range(24):
        _, picture = paint_moved(SHAPES_ONLY, seeded(seed))
        down, across = numpy.nonzero(find_edges(picture))
        middles.append((down.mean(), across.mean()))
    assert numpy.std(middles, axis=0).min() > 5


def test_torn_edges_are_a_part_of_the_whole():
    edges = find_edges(paint_circle())
    torn = [tear(edges, seeded(seed)) for seed in range(40)]
    assert all((one <= edges).all() for one in torn)
    assert 1 <= sum((one < edges).any() for one in torn) <= 15


def test_edges_come_back_from_the_cells_as_they_were():
    edges = torch.from_numpy(find_edges(paint_circle()).copy())[None]
    unfolded = unfold_edges(fold_edges(edges).float())
    assert unfolded.shape == (1, 3, SIDE, SIDE)
    assert (unfolded * 255 == edges[:, None]).all()


def test_a_lora_learns_beside_a_base_that_stays_and_loads_into_the_stock_pipeline(
    tmp_path: Path, autoencoder: AutoencoderKL
):
    gallery = paint_styled_gallery(
        tmp_path / "gallery.npz", autoencoder, SHAPES_ONLY, style="pixel-art", seed=0, count=4
    )
    base = open_base(tmp_path)
    before = weights_of(base.network)
    student = LoraStudent(base=base, style="pixel-art")
    train(short_run(tmp_path), student, gallery)
    after = {
        name.replace(".base_layer", ""): weight for name, weight in weights_of(base.network).items()
    }
    assert all((after[name] == weight).all() for name, weight in before.items())
    for name, weight in student.layers().items():
        assert ".lora_" in name
        assert weight.dtype is torch.float16

    folder = export_lora(tmp_path / "lora", student, run_folder=tmp_path)
    pipeline = open_base(tmp_path).pipeline(autoencoder)
    plain, *_ = draw_pictures(pipeline, ["a star"], steps=1, guidance=1.0, seed=1)
    pipeline.load_lora_weights(folder, adapter_name="style", local_files_only=True)
    with_it, *_ = draw_pictures(pipeline, ["a star"], steps=1, guidance=1.0, seed=1)
    pipeline.set_adapters("style", 0.0)
    off, *_ = draw_pictures(pipeline, ["a star"], steps=1, guidance=1.0, seed=1)
    assert (off == plain).all()
    assert (with_it != plain).any()
    assert "2 steps" in (folder / "README.md").read_text()


def test_a_controlnet_begins_as_nothing_learns_and_loads_into_the_stock_pipeline(
    tmp_path: Path, autoencoder: AutoencoderKL
):
    gallery = paint_moved_gallery(
        tmp_path / "gallery.npz", autoencoder, SHAPES_ONLY, seed=0, count=4
    )
    base = open_base(tmp_path)
    student = ControlnetStudent(base=base)
    _, latents = gallery.hang(seeded(0), 2)
    captions = ["a star", "a heart"]
    student.steered.edges = unfold_edges(latents[:, 4:])
    with torch.no_grad():
        steered = base.loss_through(student.steered, latents[:, :4], captions, seeded(0))
        alone = base.loss(latents[:, :4], captions, seeded(0))
    assert float(steered) == pytest.approx(float(alone))

    before = weights_of(base.network)
    train(short_run(tmp_path), student, gallery)
    assert all((weight == before[name]).all() for name, weight in weights_of(base.network).items())
    folder = export_controlnet(tmp_path / "controlnet", student, run_folder=tmp_path)
    loaded = ControlNetModel.from_pretrained(folder, local_files_only=True)
    assert set(loaded.state_dict()) == set(student.network.state_dict())
    edges = unfold_edges(latents[:1, 4:])
    pipeline = student.pipeline(autoencoder)
    pipeline.set_progress_bar_config(disable=True)
    drawn = pipeline("a star", image=edges, num_inference_steps=1, height=SIDE, width=SIDE).images
    assert drawn[0].size == (SIDE, SIDE)
