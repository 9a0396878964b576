"""Pairs of pictures, a few steps of training on them, and what the shipped upscalers make."""

import io
import json
import tarfile
from pathlib import Path
from random import Random

import numpy as np
import pytest
import torch
from diffusers import AutoencoderKL
from PIL import Image
from safetensors.torch import load_file

from gpu_worker.render.upscale import Upscaler, build_like, open_upscaler
from gpu_worker.starter.autoencoder import build_autoencoder
from gpu_worker.starter.checkpoints import load_checkpoint
from gpu_worker.starter.palette import COLOURS
from gpu_worker.starter.preview import peak_ratio_db
from gpu_worker.starter.train_upscaler import UpscalerRun, train_upscaler, train_upscalers
from gpu_worker.starter.upscaler import (
    LOW_SIDE,
    paint_large,
    paint_pairs,
    read_drawings,
    redraw,
    shrink,
    to_values,
)

MODELS = Path(__file__).parents[4] / "gpu_worker/starter/models"
HELD_OUT = tuple(
    path.read_bytes() for path in sorted((Path(__file__).parent / "held_out").glob("*.webp"))
)
pytestmark = pytest.mark.usefixtures("one_thread")


def drawn_by(seed: int) -> Random:
    return Random(seed)  # noqa: S311 - repeatable on purpose


@pytest.fixture(scope="module")
def autoencoder() -> AutoencoderKL:
    return AutoencoderKL.from_pretrained(MODELS / "sdxl/vae", dtype=torch.float32).eval()


@pytest.fixture(scope="module", params=[2, 4])
def shipped(request: pytest.FixtureRequest) -> Upscaler:
    path = MODELS / f"upscaler/x{request.param}.safetensors"
    return open_upscaler(path, scale=request.param, device=torch.device("cpu"))


def picture_of(values: torch.Tensor) -> Image.Image:
    return Image.fromarray((values.permute(1, 2, 0) * 255).round().to(torch.uint8).numpy())


def held_out_pictures(scale: int) -> list[np.ndarray]:
    """Each drawing in the middle of a colour, as large as it was published or smaller."""
    pictures = []
    for encoded, colour in zip(HELD_OUT, COLOURS.values(), strict=False):
        drawing = Image.open(io.BytesIO(encoded)).convert("RGBA").resize((220, 220))
        canvas = Image.new("RGB", (LOW_SIDE * scale,) * 2, colour)
        place = (canvas.width - drawing.width) // 2
        canvas.paste(drawing, (place, place), drawing)
        pictures.append(np.array(canvas))
    return pictures


def package(folder: Path, names: list[str]) -> Path:
    path = folder / "art.tgz"
    with tarfile.open(path, "w:gz") as archive:
        for name in names:
            info = tarfile.TarInfo(name)
            info.size = len(HELD_OUT[0])
            archive.addfile(info, io.BytesIO(HELD_OUT[0]))
    return path


def test_a_motif_is_held_out_in_all_its_tones(tmp_path: Path):
    names = [f"package/assets/1f{number:03x}.webp" for number in range(24)]
    tones = [name.replace(".webp", "-1f3fb.webp") for name in names]
    drawings = read_drawings(package(tmp_path, [*names, *tones, "package/package.json"]))
    assert (len(drawings.training), len(drawings.held_out)) == (44, 4)


@pytest.mark.parametrize("scale", [1, 2, 4])
def test_pictures_to_train_on_are_repeatable_and_of_the_right_size(scale: int):
    one, other = (
        [paint_large(HELD_OUT, random, scale=scale) for _ in range(6)]
        for random in (drawn_by(1), drawn_by(1))
    )
    assert all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))
    assert {picture.shape for picture in one} == {(LOW_SIDE * scale, LOW_SIDE * scale, 3)}
    assert len({picture.tobytes() for picture in one}) == 6


def test_a_small_picture_is_the_mean_of_the_large_one():
    large = np.zeros((4, 4, 3), np.uint8)
    large[:2, :2] = [[[0], [100]], [[100], [200]]]
    assert shrink(large, 2)[..., 0].tolist() == [[100, 0], [0, 0]]


def test_pairs_show_the_same_picture_twice():
    small, large = paint_pairs(HELD_OUT, build_autoencoder().eval(), drawn_by(2), count=4, scale=2)
    assert (small.shape, large.shape) == ((4, 3, 128, 128), (4, 3, 256, 256))
    # The first has only been blurred; an untrained autoencoder spoils the others.
    assert (small[0] - torch.nn.functional.avg_pool2d(large[0], 2)).abs().mean() < 0.02


def small_run(folder: Path, steps: int) -> UpscalerRun:
    folder.mkdir(exist_ok=True)
    return UpscalerRun(folder=folder, steps=steps, width=4, depth=1, batch=2, crop_side=16)


def test_training_goes_on_where_it_was_cut(tmp_path: Path):
    autoencoder = build_autoencoder()
    whole, cut = (small_run(tmp_path / name, 4) for name in ("whole", "cut"))
    expected = train_upscaler(whole, autoencoder, HELD_OUT)
    with pytest.MonkeyPatch.context() as patch:
        # Cut at the third step's first act.
        patch.setattr(
            "gpu_worker.starter.train_upscaler.paint_pairs", stopping_after(2, paint_pairs)
        )
        patch.setattr("gpu_worker.starter.train_upscaler._SAVE_EVERY_S", 0.0)
        with pytest.raises(KeyboardInterrupt):
            train_upscaler(cut, autoencoder, HELD_OUT)
    assert load_checkpoint(cut.folder / "upscaler-x2.pt")["step"] == 2
    found = train_upscaler(cut, autoencoder, HELD_OUT)
    for one, other in zip(expected.parameters(), found.parameters(), strict=True):
        assert torch.allclose(one, other, atol=1e-5)


def stopping_after(count: int, paint):
    calls = iter(range(count))

    def painted(*arguments, **options):
        if next(calls, None) is None:
            raise KeyboardInterrupt
        return paint(*arguments, **options)

    return painted


def test_both_scales_are_trained_and_written(tmp_path: Path):
    run = small_run(tmp_path / "run", 2)
    target = train_upscalers(run, build_autoencoder(), HELD_OUT, tmp_path / "made")
    for scale in (2, 4):
        opened = open_upscaler(
            target / f"x{scale}.safetensors", scale=scale, device=torch.device("cpu")
        )
        assert opened.enlarge([Image.new("RGB", (8, 8))])[0].size == (8 * scale, 8 * scale)
    logged = [
        json.loads(line) for line in (run.folder / "upscaler-x4.jsonl").read_text().splitlines()
    ]
    assert logged[-1]["step"] == 1


def test_four_times_begins_as_twice_doubled(tmp_path: Path):
    run = small_run(tmp_path, 1)
    twofold = train_upscaler(run, build_autoencoder(), HELD_OUT)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("gpu_worker.starter.train_upscaler.rate_share", lambda *_: 0.0)
        fourfold = train_upscaler(
            UpscalerRun(folder=tmp_path, scale=4, steps=1, width=4, depth=1, batch=1, crop_side=16),
            build_autoencoder(),
            HELD_OUT,
            begin_as=twofold,
        )
    pixels = torch.rand(1, 3, 8, 8)
    doubled = twofold(pixels).repeat_interleave(2, 2).repeat_interleave(2, 3)
    assert torch.allclose(fourfold(pixels), doubled, atol=1e-5)


def test_the_shipped_weights_are_small_and_of_the_published_layout():
    for scale in (2, 4):
        path = MODELS / f"upscaler/x{scale}.safetensors"
        assert path.stat().st_size < 600_000
        state = load_file(path)
        assert {value.dtype for value in state.values()} == {torch.float16}
        assert build_like(state).scale == scale


def test_the_shipped_upscaler_beats_lanczos_on_what_it_never_saw(
    shipped: Upscaler, autoencoder: AutoencoderKL
):
    ours, theirs = [], []
    for target in held_out_pictures(shipped.scale):
        small = to_values([shrink(target, shipped.scale)])
        drawn = picture_of(redraw(autoencoder, small, drawn_by(0), noise=0.0)[0])
        (large,) = shipped.enlarge([drawn])
        plain = drawn.resize(large.size, Image.Resampling.LANCZOS)
        for kept, picture in ((ours, large), (theirs, plain)):
            kept.append(
                peak_ratio_db(
                    torch.from_numpy(np.array(picture)), torch.from_numpy(target), span=255
                )
            )
    assert np.mean(ours) > np.mean(theirs) + 0.1


def test_the_shipped_upscaler_leaves_flat_colours_as_they_are(shipped: Upscaler):
    for colour in COLOURS.values():
        (large,) = shipped.enlarge([Image.new("RGB", (48, 40), colour)])
        assert np.abs(np.asarray(large, np.int16) - np.array(colour)).max() <= 2, colour


def test_the_shipped_upscaler_draws_a_crisper_edge_than_lanczos(shipped: Upscaler):
    """The steeper an edge, the fewer pixels lie between its two colours."""
    edge = np.full((64, 64, 3), 40, np.uint8)
    edge[:, 32:] = 220
    soft = Image.fromarray(edge).resize((32, 32), Image.Resampling.BILINEAR)
    (large,) = shipped.enlarge([soft])
    plain = soft.resize(large.size, Image.Resampling.LANCZOS)
    ours, theirs = (
        int(((row > 70) & (row < 190)).sum())
        for row in (np.asarray(picture)[large.height // 2, :, 0] for picture in (large, plain))
    )
    assert ours <= theirs


def test_any_size_is_enlarged_whole(shipped: Upscaler):
    for size in ((128, 96), (33, 70)):
        (large,) = shipped.enlarge([Image.new("RGB", size, "teal")])
        assert large.size == (size[0] * shipped.scale, size[1] * shipped.scale)
