"""What a safetensors file holds is known, and weighed, from its header."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from gpu_worker.family import LoadedModel
from gpu_worker.state import ModelBroken
from gpu_worker.vram.weights import read_header, weigh_folder
from tests.unit.gpu_worker.test_model_files import write_safetensors


def test_names_shapes_and_notes_are_read_without_the_tensors(tmp_path: Path):
    path = tmp_path / "some.safetensors"
    weights = {"a": torch.zeros(2, 3, dtype=torch.float16), "b": torch.zeros(4, dtype=torch.int64)}
    save_file(weights, path, metadata={"trained by": "us"})
    header = read_header(path)
    assert {name: tensor.shape for name, tensor in header.tensors.items()} == {
        "a": (2, 3),
        "b": (4,),
    }
    assert header.notes == {"trained by": "us"}


def test_fractions_weigh_what_they_are_loaded_as_and_other_numbers_what_they_are(tmp_path: Path):
    path = tmp_path / "some.safetensors"
    save_file({"a": torch.zeros(6).half(), "b": torch.zeros(4, dtype=torch.int64)}, path)
    assert read_header(path).bytes_as(4) == 6 * 4 + 4 * 8
    assert read_header(path).bytes_as(2) == 6 * 2 + 4 * 8


def test_a_folder_weighs_what_its_parts_do_once_loaded(tiny_sdxl: Path, loaded_sdxl: LoadedModel):
    weighed = weigh_folder(tiny_sdxl, floating_bytes=4)
    parts = {
        name: sum(weight.nbytes for weight in part.state_dict().values())
        for name, part in loaded_sdxl.pipeline.components.items()
        if isinstance(part, torch.nn.Module)
    }
    assert weighed == parts


@pytest.mark.parametrize(
    "entry",
    [
        {"dtype": "F32", "shape": [3], "data_offsets": [0, 8]},
        {"dtype": "F32", "shape": [-2], "data_offsets": [0, 8]},
        {"dtype": "F32", "shape": 2, "data_offsets": [0, 8]},
        {"dtype": "F32", "shape": [2], "data_offsets": [8, 0]},
    ],
)
def test_a_tensor_whose_bytes_do_not_match_its_shape_is_malformed(tmp_path: Path, entry: object):
    path = write_safetensors(tmp_path / "odd.safetensors", {"w": entry}, bytes(8))
    with pytest.raises(ModelBroken, match="malformed"):
        read_header(path)


def test_a_type_of_a_later_version_weighs_what_the_file_says(tmp_path: Path):
    entry = {"dtype": "F4", "shape": [4, 4], "data_offsets": [0, 8]}
    path = write_safetensors(tmp_path / "new.safetensors", {"w": entry}, bytes(8))
    assert read_header(path).bytes_as(2) == 8
