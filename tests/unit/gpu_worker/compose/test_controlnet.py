"""ControlNets are loaded by name and stay while they are popular."""

import shutil
from pathlib import Path

import pytest
import torch
from diffusers import ControlNetModel

from backend.contracts import ModelFamily
from gpu_worker.compose import controlnet as controlnet_module
from gpu_worker.compose.controlnet import ControlNets
from gpu_worker.compose.model_files import check_component
from gpu_worker.family import LoadedModel
from gpu_worker.state import AdapterBroken, AdapterMissing, AdapterUnfit, OutOfMemory
from gpu_worker.vram.budget import Budget
from gpu_worker.vram.manager import VramManager


@pytest.fixture(scope="module")
def folder(loaded_sdxl: LoadedModel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("controlnets")
    torch.manual_seed(0)
    network = ControlNetModel.from_unet(loaded_sdxl.pipeline.unet)
    network.save_pretrained(folder / "canny", safe_serialization=True)
    for name in ("controlnet-depth", "pose"):
        shutil.copytree(folder / "canny", folder / name)
    return folder


@pytest.fixture(scope="module")
def weight(folder: Path) -> int:
    network = ControlNetModel.from_pretrained(folder / "canny", local_files_only=True)
    return sum(value.nbytes for value in network.state_dict().values())


def open_nets(
    loaded: LoadedModel, folder: Path, *, room: int, always_hot: frozenset[str] = frozenset()
) -> tuple[ControlNets, VramManager]:
    vram = VramManager(budget=Budget(device_bytes=room, reserved_bytes=0))
    nets = ControlNets(
        model=loaded, family=ModelFamily.SDXL, folder=folder, vram=vram, always_hot=always_hot
    )
    return nets, vram


def test_one_that_was_used_is_there_the_next_time_and_weighs_what_it_does(
    loaded_sdxl: LoadedModel, folder: Path, weight: int
):
    nets, vram = open_nets(loaded_sdxl, folder, room=10 * weight)
    with nets.hold("canny") as first:
        assert vram.look().held_bytes == weight
    with nets.hold("canny") as second:
        assert second is first
    assert nets.resident() == {"canny"}


def test_its_files_are_looked_over_when_it_is_loaded_and_not_at_every_step(
    loaded_sdxl: LoadedModel, folder: Path, weight: int, monkeypatch: pytest.MonkeyPatch
):
    looked_over: list[str] = []

    def counted(place: Path) -> None:
        looked_over.append(place.name)
        check_component(place)

    monkeypatch.setattr(controlnet_module, "check_component", counted)
    nets, _ = open_nets(loaded_sdxl, folder, room=2 * weight)
    for name in ("canny", "canny", "canny", "pose", "depth", "canny"):
        with nets.hold(name):
            pass
    # It was the most popular one, and has never left.
    assert looked_over == ["canny", "pose", "controlnet-depth"]


def test_the_less_popular_one_makes_room_and_is_dropped(
    loaded_sdxl: LoadedModel, folder: Path, weight: int
):
    nets, vram = open_nets(loaded_sdxl, folder, room=2 * weight)
    for name in ("canny", "canny", "depth", "pose"):
        with nets.hold(name):
            pass
    assert nets.resident() == {"canny", "pose"}
    assert vram.look().used_bytes == 2 * weight


def test_what_is_always_hot_stays_whoever_comes(
    loaded_sdxl: LoadedModel, folder: Path, weight: int
):
    nets, _ = open_nets(loaded_sdxl, folder, room=2 * weight, always_hot=frozenset({"depth"}))
    for name in ("depth", "canny", "canny", "canny", "pose", "pose"):
        with nets.hold(name):
            pass
    assert nets.resident() == {"depth", "pose"}


def test_more_at_once_than_there_is_room_for_is_refused(
    loaded_sdxl: LoadedModel, folder: Path, weight: int
):
    nets, _ = open_nets(loaded_sdxl, folder, room=weight)
    with nets.hold("canny"), pytest.raises(OutOfMemory), nets.hold("pose"):
        pass
    with nets.hold("pose"):
        assert nets.resident() == {"pose"}


def test_one_for_another_model_is_refused(
    loaded_sdxl: LoadedModel, folder: Path, tmp_path: Path, weight: int
):
    shutil.copytree(folder / "canny", tmp_path / "canny")
    config = tmp_path / "canny/config.json"
    config.write_text(
        config.read_text().replace('"cross_attention_dim": 64', '"cross_attention_dim": 2048')
    )
    nets, _ = open_nets(loaded_sdxl, tmp_path, room=10 * weight)
    with pytest.raises(AdapterUnfit, match="cross_attention_dim is 2048, this model's 64"):
        nets.hold("canny").__enter__()


def test_pickles_and_paths_are_refused(loaded_sdxl: LoadedModel, tmp_path: Path):
    (tmp_path / "old").mkdir()
    (tmp_path / "old/diffusion_pytorch_model.bin").write_bytes(b"\x80\x04")
    nets, _ = open_nets(loaded_sdxl, tmp_path / "old", room=1)
    with pytest.raises(AdapterMissing):
        nets.hold("../old").__enter__()
    nets, _ = open_nets(loaded_sdxl, tmp_path, room=1)
    with pytest.raises(AdapterBroken, match="no whole safetensors"):
        nets.hold("old").__enter__()


def test_one_that_does_not_load_does_not_stay_in_the_books(
    loaded_sdxl: LoadedModel, folder: Path, tmp_path: Path, weight: int
):
    shutil.copytree(folder / "canny", tmp_path / "canny")
    config = tmp_path / "canny/config.json"
    config.write_text(config.read_text().replace('"SiLU"', '"none"').replace('"silu"', '"none"'))
    nets, vram = open_nets(loaded_sdxl, tmp_path, room=10 * weight)
    with pytest.raises(AdapterBroken, match="could not be loaded"):
        nets.hold("canny").__enter__()
    assert vram.look().used_bytes == 0
