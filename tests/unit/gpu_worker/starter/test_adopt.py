"""Models that have shipped, taken up to train others on."""

from pathlib import Path

import pytest
import torch
from diffusers import AutoencoderKL

import gpu_worker.starter
from gpu_worker.starter.adopt import adopt_autoencoder, adopt_model, read_parts
from gpu_worker.starter.checkpoints import load_checkpoint
from gpu_worker.starter.students.flux import FluxStudent, pack, unpack
from gpu_worker.starter.students.sd3 import Sd3Student
from gpu_worker.starter.students.sdxl import SdxlStudent

MODELS = Path(gpu_worker.starter.__file__).with_name("models")
SDXL, SD3 = MODELS / "sdxl", MODELS / "sd3"


def test_a_shipped_model_taken_up_is_the_one_that_shipped(tmp_path: Path):
    torch.manual_seed(0)
    student = SdxlStudent(folder=tmp_path)
    path = adopt_model(SDXL, student, tmp_path / "sdxl.pt")
    stored = load_checkpoint(path)["average"]
    shipped = student.pipeline(adopted_autoencoder(tmp_path)).unet.state_dict()
    for name, weight in shipped.items():
        assert torch.equal(stored[f"unet.{name}"], weight)
    assert not torch.equal(
        stored["encoder_2.text_projection.weight"],
        SdxlStudent(folder=tmp_path).trained.state_dict()["encoder_2.text_projection.weight"],
    )


def adopted_autoencoder(folder: Path) -> AutoencoderKL:
    adopt_autoencoder(SDXL, folder)
    return AutoencoderKL.from_pretrained(folder / "vae-sharp", local_files_only=True)


def test_an_autoencoder_taken_up_decodes_as_the_shipped_one(tmp_path: Path):
    latents = torch.randn(1, 4, 16, 16)
    shipped = AutoencoderKL.from_pretrained(SDXL / "vae", local_files_only=True).float()
    with torch.no_grad():
        wanted = shipped.decode(latents).sample
        found = adopted_autoencoder(tmp_path).decode(latents).sample
    assert torch.equal(wanted, found)


@pytest.fixture
def flux_parts(tmp_path: Path):
    student = FluxStudent(folder=tmp_path)
    return student, read_parts(student.trained, SD3)


def test_flux_finds_the_text_encoders_of_sd3_by_their_kind(flux_parts):
    student, parts = flux_parts
    for name in ("encoder", "encoder_2"):
        wanted = {f"{name}.{key}" for key in student.trained[name].state_dict()}
        assert wanted <= parts.keys()


def test_flux_begins_with_the_way_in_and_out_of_sd3(flux_parts, tmp_path: Path):
    _, parts = flux_parts
    sd3 = Sd3Student(folder=tmp_path)
    sd3.trained.load_state_dict(read_parts(sd3.trained, SD3))
    latents = torch.randn(1, 4, 16, 16)
    mine = pack(latents) @ parts["transformer.x_embedder.weight"].T
    mine = mine + parts["transformer.x_embedder.bias"]
    theirs = sd3.network.pos_embed.proj(latents).flatten(2).transpose(1, 2)
    assert torch.allclose(mine, theirs, atol=1e-5)
    tokens = torch.randn(1, 64, 256)
    out = unpack(
        tokens @ parts["transformer.proj_out.weight"].T + parts["transformer.proj_out.bias"]
    )
    # As SD3's transformer turns its tokens back into a picture.
    drawn = sd3.network.proj_out(tokens).view(1, 8, 8, 2, 2, 4)
    drawn = torch.einsum("nhwpqc->nchpwq", drawn).reshape(1, 4, 16, 16)
    assert torch.allclose(out, drawn, atol=1e-5)


def test_a_model_of_its_own_family_is_taken_as_it_is(tmp_path: Path):
    sd3 = Sd3Student(folder=tmp_path)
    parts = read_parts(sd3.trained, SD3)
    assert parts.keys() == sd3.trained.state_dict().keys()
