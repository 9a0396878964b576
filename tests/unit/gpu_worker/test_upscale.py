"""Reading a Compact network, refusing others, and drawing larger pictures with it."""

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from torch.nn import functional

from backend.contracts import ModelFamily, SourceKey
from gpu_worker.__main__ import open_artist
from gpu_worker.compose.composer import load_model
from gpu_worker.engine.stock import LateStock
from gpu_worker.family import Family
from gpu_worker.render.drawing import Drawing, DrawOrder
from gpu_worker.render.latents import to_pixels
from gpu_worker.render.pipeline import Renderer
from gpu_worker.render.upscale import (
    CompactNetwork,
    Upscaler,
    build_like,
    open_named,
    open_upscaler,
)
from gpu_worker.samplers import open_sampler
from gpu_worker.settings import Settings
from gpu_worker.state import ModelBroken, ModelMissing
from gpu_worker.vitals import Dials
from tests.fakes.engines import draw_alone
from tests.unit.gpu_worker.conftest import a_render_job

CPU = torch.device("cpu")


def weights(*, width: int = 4, depth: int = 1, scale: int = 2) -> dict[str, torch.Tensor]:
    """Weights as they are published, by hand: convolutions at even places, slopes at odd ones."""
    generator = torch.Generator().manual_seed(0)
    state: dict[str, torch.Tensor] = {}
    channels = 3
    for place in range(0, 2 * depth + 3, 2):
        outputs = 3 * scale**2 if place == 2 * depth + 2 else width
        state[f"body.{place}.weight"] = (
            torch.randn(outputs, channels, 3, 3, generator=generator) / 9
        )
        state[f"body.{place}.bias"] = torch.randn(outputs, generator=generator) / 9
        if place < 2 * depth + 2:
            state[f"body.{place + 1}.weight"] = torch.rand(width, generator=generator)
        channels = width
    return state


def write(folder: Path, state: dict[str, torch.Tensor], name: str = "x2") -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / f"{name}.safetensors"
    save_file({key: value.half() for key, value in state.items()}, path)
    return path


def untrained(scale: int) -> Upscaler:
    """An upscaler that copies each pixel: its last convolution adds nothing."""
    network = CompactNetwork(width=4, depth=1, scale=scale)
    for parameter in network.body[-1].parameters():
        torch.nn.init.zeros_(parameter)
    return Upscaler(network=network, device=CPU)


@pytest.mark.parametrize(
    ("width", "depth", "scale"), [(4, 1, 2), (6, 3, 4), (64, 16, 4), (5, 0, 1)]
)
def test_width_depth_and_scale_are_read_from_the_shapes(width: int, depth: int, scale: int):
    network = build_like(weights(width=width, depth=depth, scale=scale))
    assert network.scale == scale
    assert len(network.body) == 2 * depth + 3
    assert network(torch.rand(1, 3, 5, 7)).shape == (1, 3, 5 * scale, 7 * scale)


def test_a_network_computes_what_the_published_one_does():
    state = weights(width=5, depth=2, scale=2)
    pixels = torch.rand(1, 3, 6, 8)
    expected = pixels
    for place in (0, 2, 4):
        weight, bias = state[f"body.{place}.weight"], state[f"body.{place}.bias"]
        expected = functional.conv2d(expected, weight, bias, padding=1)
        slopes = state[f"body.{place + 1}.weight"].view(1, -1, 1, 1)
        expected = torch.where(expected > 0, expected, slopes * expected)
    expected = functional.conv2d(expected, state["body.6.weight"], state["body.6.bias"], padding=1)
    expected = functional.pixel_shuffle(expected, 2)
    expected = expected + pixels.repeat_interleave(2, 2).repeat_interleave(2, 3)
    assert torch.allclose(build_like(state)(pixels), expected, atol=1e-5)


def without_a_bias(state: dict[str, torch.Tensor]) -> None:
    del state["body.0.bias"]


def without_an_end(state: dict[str, torch.Tensor]) -> None:
    del state["body.4.weight"], state["body.4.bias"]


def with_another_beginning(state: dict[str, torch.Tensor]) -> None:
    state["conv_first.weight"] = state.pop("body.0.weight")


def with_an_odd_end(state: dict[str, torch.Tensor]) -> None:
    state["body.4.weight"], state["body.4.bias"] = torch.zeros(7, 4, 3, 3), torch.zeros(7)


def with_a_width_of_its_own(state: dict[str, torch.Tensor]) -> None:
    state["body.2.weight"] = torch.zeros(9, 4, 3, 3)


def with_five_pixels_a_side(state: dict[str, torch.Tensor]) -> None:
    state["body.0.weight"] = torch.zeros(4, 3, 5, 5)


def with_a_huge_number(state: dict[str, torch.Tensor]) -> None:
    state["body.100000000000.weight"] = torch.zeros(12, 4, 3, 3)


@pytest.mark.parametrize(
    "spoil",
    [
        dict.clear,
        without_a_bias,
        without_an_end,
        with_another_beginning,
        with_an_odd_end,
        with_a_width_of_its_own,
        with_five_pixels_a_side,
        with_a_huge_number,
    ],
)
def test_another_layout_is_refused_by_name(
    tmp_path: Path, spoil: Callable[[dict[str, torch.Tensor]], None]
):
    state = weights()
    spoil(state)
    path = write(tmp_path, state)
    with pytest.raises(ModelBroken, match=r"x2\.safetensors holds no Compact upscaler: "):
        open_upscaler(path, scale=2, device=CPU)


def test_a_missing_a_cut_and_a_wrong_file_are_told_apart(tmp_path: Path):
    with pytest.raises(ModelMissing, match="There is no upscaler at"):
        open_upscaler(tmp_path / "x2.safetensors", scale=2, device=CPU)
    path = write(tmp_path, weights())
    with pytest.raises(ModelBroken, match="enlarges by 2, where 4 was asked for"):
        open_upscaler(path, scale=4, device=CPU)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ModelBroken, match="cannot be read as a safetensors file"):
        open_upscaler(path, scale=2, device=CPU)


def test_an_upscaler_is_found_by_its_name_or_else_by_its_scale(tmp_path: Path):
    write(tmp_path, weights(), "x2")
    write(tmp_path, weights(scale=4), "photos-v3")
    assert open_named(tmp_path, None, scale=1, device=CPU) is None
    for name, scale in ((None, 2), ("photos-v3", 4)):
        found = open_named(tmp_path, name, scale=scale, device=CPU)
        assert found is not None
        assert found.scale == scale


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "P"])
def test_pictures_of_any_shape_and_mode_become_larger_rgb(mode: str):
    picture = Image.linear_gradient("L").resize((17, 9)).convert(mode)
    (large,) = untrained(4).enlarge([picture])
    assert (large.size, large.mode) == ((68, 36), "RGB")
    expected = picture.convert("RGB").resize((68, 36), Image.Resampling.NEAREST)
    assert np.array_equal(np.asarray(large), np.asarray(expected))


@pytest.fixture
def twofold_renderer(sdxl: Family) -> Renderer:
    return Renderer(
        family=sdxl,
        open_sampler=partial(
            open_sampler, family=ModelFamily.SDXL, scheduler_config=sdxl.scheduler_config
        ),
        upscaler=untrained(2),
    )


def draw(renderer: Renderer, order: DrawOrder) -> Drawing:
    return draw_alone(renderer, order)


def test_pictures_leave_the_renderer_enlarged_and_the_time_is_told(
    renderer: Renderer, twofold_renderer: Renderer
):
    order = DrawOrder(job=a_render_job(image_count=2, steps=2))
    plain, large = draw(renderer, order), draw(twofold_renderer, order)
    assert [picture.size for picture in large.pictures] == [(128, 128)] * 2
    assert large.upscale_s > plain.upscale_s
    for one, other in zip(plain.pictures, large.pictures, strict=True):
        assert one.tobytes() == other.resize((64, 64), Image.Resampling.BOX).tobytes()


def test_an_enlarged_picture_is_a_source_like_the_drawn_one(twofold_renderer: Renderer):
    drawn = Image.radial_gradient("L").resize((64, 64), Image.Resampling.BOX).convert("RGB")
    (large,) = untrained(4).enlarge([drawn])
    before, after = (to_pixels(one, width=64, height=64) for one in (drawn, large))
    assert float((before - after).abs().max()) < 0.05
    job = a_render_job(source=SourceKey(key="images/source.png", strength=0.0))
    one, other = (
        draw(twofold_renderer, DrawOrder(job=job, source=source)).pictures[0]
        for source in (drawn, large)
    )
    difference = np.abs(np.asarray(one, dtype=np.int16) - np.asarray(other, dtype=np.int16))
    assert difference.mean() < 3


def test_a_sidecar_asks_for_a_scale_and_names_an_upscaler(
    copy_of_tiny_sdxl: Callable[[], Path], tmp_path: Path
):
    folder = copy_of_tiny_sdxl()
    (folder / "impasto.json").write_text(
        json.dumps({"steps": 1, "display_scale": 2, "upscaler": "photos-v3"})
    )
    write(tmp_path / "upscalers", weights(), "photos-v3")
    settings = Settings(home=tmp_path, model_sdxl=str(folder), threads=torch.get_num_threads())
    settings = settings.model_copy(update={"upscalers": tmp_path / "upscalers"})
    artist = open_artist(settings, ModelFamily.SDXL, LateStock(), Dials())
    order = DrawOrder(job=a_render_job(steps=None))
    assert draw_alone(artist, order).pictures[0].size == (128, 128)

    with pytest.raises(ModelMissing, match=r"elsewhere.photos-v3\.safetensors"):
        open_artist(
            settings.model_copy(update={"upscalers": tmp_path / "elsewhere"}),
            ModelFamily.SDXL,
            LateStock(),
            Dials(),
        )


@pytest.mark.parametrize(
    "field",
    [
        {"display_scale": 0},
        {"display_scale": 9},
        {"display_scale": 1.5},
        {"upscaler": "../../secrets"},
        {"upscaler": "/etc/secrets"},
        {"upscaler": ".."},
        {"upscaler": ""},
    ],
)
def test_a_sidecar_cannot_name_a_file_elsewhere(
    copy_of_tiny_sdxl: Callable[[], Path], field: dict[str, object]
):
    folder = copy_of_tiny_sdxl()
    (folder / "impasto.json").write_text(json.dumps(field))
    with pytest.raises(ModelBroken, match=rf"has bad values for: {next(iter(field))}"):
        load_model(ModelFamily.SDXL, str(folder), device="cpu", dtype="float32")


def test_a_model_without_the_setting_is_shown_as_drawn(renderer: Renderer, sdxl: Family):
    assert (sdxl.defaults.display_scale, sdxl.defaults.upscaler) == (1, None)
    drawing = draw(renderer, DrawOrder(job=a_render_job(steps=1)))
    assert drawing.pictures[0].size == (64, 64)
