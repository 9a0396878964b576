"""What is said about folders that are not what they should be."""

import json
import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from gpu_worker.compose.model_files import (
    check_model_folder,
    check_safetensors,
    is_hub_id,
    read_sidecar,
)
from gpu_worker.state import ModelBroken, ModelMissing

CopyModel = Callable[[], Path]
UNET = "unet/diffusion_pytorch_model.safetensors"


def write_safetensors(path: Path, header: object, data: bytes = b"") -> Path:
    encoded = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(encoded)) + encoded + data)
    return path


def a_tensor(begin: int, end: int) -> dict[str, object]:
    return {"dtype": "F32", "shape": [(end - begin) // 4], "data_offsets": [begin, end]}


def test_the_whole_folder_is_fine(tiny_sdxl: Path):
    check_model_folder(tiny_sdxl)


def test_no_folder_is_missing(tmp_path: Path):
    with pytest.raises(ModelMissing, match="no model folder at"):
        check_model_folder(tmp_path / "nowhere")


@pytest.mark.parametrize("kept", [0, 7, 8, 1000, -1])
def test_a_truncated_file_is_named(copy_of_tiny_sdxl: CopyModel, kept: int):
    folder = copy_of_tiny_sdxl()
    path = folder / UNET
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(ModelBroken) as caught:
        check_model_folder(folder)
    assert str(path) in str(caught.value)
    assert "truncated" in str(caught.value)
    assert caught.value.code == "model_broken"


def test_a_file_with_something_behind_its_end_is_named(copy_of_tiny_sdxl: CopyModel):
    folder = copy_of_tiny_sdxl()
    with (folder / UNET).open("ab") as file:
        file.write(b"more")
    with pytest.raises(ModelBroken, match=UNET):
        check_model_folder(folder)


@pytest.mark.parametrize(
    "header",
    [
        b"not json",
        [1, 2],
        {"weight": {"dtype": "F32"}},
        {"weight": {"data_offsets": [0]}},
        {"weight": "four"},
        b"\xff\xfe{}",
    ],
)
def test_a_malformed_header_is_named(tmp_path: Path, header: object):
    path = write_safetensors(tmp_path / "weights.safetensors", header)
    with pytest.raises(ModelBroken, match=r"weights\.safetensors has a malformed"):
        check_safetensors(path)


def test_metadata_and_empty_files_are_fine(tmp_path: Path):
    check_safetensors(write_safetensors(tmp_path / "a", {"__metadata__": {"format": "pt"}}))
    check_safetensors(write_safetensors(tmp_path / "b", {"w": a_tensor(0, 8)}, bytes(8)))


def test_a_header_larger_than_the_file_is_not_read(tmp_path: Path):
    path = tmp_path / "weights.safetensors"
    path.write_bytes(struct.pack("<Q", 2**62) + b"{}")
    with pytest.raises(ModelBroken, match="header is cut"):
        check_safetensors(path)


def test_pickles_are_refused(copy_of_tiny_sdxl: CopyModel):
    folder = copy_of_tiny_sdxl()
    (folder / UNET).rename(folder / "unet/diffusion_pytorch_model.bin")
    with pytest.raises(ModelBroken, match="only pickles"):
        check_model_folder(folder)


def test_a_component_without_weights_is_named(copy_of_tiny_sdxl: CopyModel):
    folder = copy_of_tiny_sdxl()
    (folder / UNET).unlink()
    with pytest.raises(ModelBroken, match="unet holds no safetensors"):
        check_model_folder(folder)


def test_a_missing_component_is_named(copy_of_tiny_sdxl: CopyModel):
    folder = copy_of_tiny_sdxl()
    (folder / "vae").rename(folder / "elsewhere")
    with pytest.raises(ModelBroken, match="vae is missing"):
        check_model_folder(folder)


def test_a_missing_shard_is_named(copy_of_tiny_sdxl: CopyModel):
    folder = copy_of_tiny_sdxl()
    index = {"weight_map": {"a": "diffusion_pytorch_model-00002-of-00002.safetensors"}}
    (folder / "unet/diffusion_pytorch_model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(ModelBroken, match="00002-of-00002"):
        check_model_folder(folder)


@pytest.mark.parametrize("content", ["", "{", "[]"])
def test_a_broken_index_is_named(copy_of_tiny_sdxl: CopyModel, content: str):
    folder = copy_of_tiny_sdxl()
    (folder / "model_index.json").write_text(content)
    with pytest.raises(ModelBroken, match=r"model_index\.json"):
        check_model_folder(folder)


def test_a_folder_without_an_index_is_no_model(tmp_path: Path):
    with pytest.raises(ModelBroken, match="no diffusers folder"):
        check_model_folder(tmp_path)


def test_a_sidecar_is_optional(tmp_path: Path):
    assert read_sidecar(tmp_path) == {}


def test_hub_ids_and_folders_are_told_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "models/sdxl").mkdir(parents=True)
    assert is_hub_id("stabilityai/stable-diffusion-xl-base-1.0")
    assert not is_hub_id("models/sdxl")
    assert not is_hub_id("/srv/models/sdxl")
    assert not is_hub_id("~/models/sdxl")
    assert not is_hub_id("sdxl")
