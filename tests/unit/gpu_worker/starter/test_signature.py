"""A Stable Signature: the two halves agree, and a decoder can be taught to draw one."""

from io import BytesIO
from pathlib import Path
from random import Random

import numpy
import pytest
import torch
from PIL import Image

from gpu_worker.starter.signature.__main__ import export_extractor, main
from gpu_worker.starter.signature.networks import CELL_PX, Extractor, Hider
from gpu_worker.starter.signature.noise import compress, cut, lighten, resize_and_back
from gpu_worker.starter.signature.pictures import Album, read_album
from gpu_worker.starter.signature.train_extractor import ExtractorRun, train_extractor
from safety.errors import MarkImpossible
from safety.provenance.watermarks import open_watermark
from safety.provenance.watermarks.stable_signature import load_extractor

SIGNATURE = 0x5AFE00C0FFEE
KEY = bytes(32)
RANDOM = Random(1)  # noqa: S311 repeatable on purpose


def album(count: int = 24, side: int = 64) -> Album:
    random = numpy.random.default_rng(0)
    plain = random.integers(40, 216, (count, 3, 1, 1), dtype=numpy.uint8)
    return Album(numpy.broadcast_to(plain, (count, 3, side, side)).copy())


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Extractor, Path]:
    folder = tmp_path_factory.mktemp("signature")
    run = ExtractorRun(folder=folder, steps=120, batch=8, side=32, calm_steps=120)
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    extractor = train_extractor(run, album())
    torch.set_num_threads(before)
    return extractor, folder


def test_an_extractor_learns_to_read_what_is_hidden(trained: tuple[Extractor, Path]) -> None:
    extractor, folder = trained
    hider = Hider()
    hider.load_state_dict(torch.load(folder / "extractor.pt", weights_only=True)["hider"])
    bits = torch.randint(0, 2, (16, 48), generator=torch.Generator().manual_seed(3)).float()
    with torch.no_grad():
        seen = hider(album().take(RANDOM, 16, side=64), bits, 0.15)
        right = ((extractor(seen) > 0) == (bits > 0.5)).float().mean()
    assert right > 0.6  # of 768 bits; chance alone stays within 0.07 of a half


def test_training_goes_on_where_it_stopped(trained: tuple[Extractor, Path]) -> None:
    extractor, folder = trained
    run = ExtractorRun(folder=folder, steps=120, batch=8, side=32)
    again = train_extractor(run, album())
    for one, other in zip(extractor.parameters(), again.parameters(), strict=True):
        assert torch.equal(one, other)


def test_the_reader_in_numpy_says_what_the_network_says(
    trained: tuple[Extractor, Path], tmp_path: Path
) -> None:
    extractor, _ = trained
    export_extractor(extractor, tmp_path, signature=SIGNATURE, shown_at=(1.0,))
    pixels = torch.rand((1, 3, 72, 48), generator=torch.Generator().manual_seed(1)) * 2 - 1
    with torch.no_grad():
        expected = extractor(pixels)[0].numpy()
    found = load_extractor(tmp_path).logits(pixels[0].permute(1, 2, 0).numpy())
    assert found == pytest.approx(expected, abs=1e-3)


def test_a_picture_cut_anywhere_is_read_at_the_right_place(
    trained: tuple[Extractor, Path], tmp_path: Path
) -> None:
    """The signature is the reading of a cell pattern itself, so that all 48 bits are right."""
    extractor, _ = trained
    cell = torch.rand((3, CELL_PX, CELL_PX), generator=torch.Generator().manual_seed(5)) * 0.6
    tiled = cell.repeat(1, 20, 20)[None] * 2 - 1
    with torch.no_grad():
        bits = extractor(tiled)[0] > 0
    signature = sum(int(bit) << place for place, bit in enumerate(bits))
    export_extractor(extractor, tmp_path, signature=signature, shown_at=(1.0, 4.0))
    pixels = ((tiled[0].permute(1, 2, 0).numpy() + 1) * 127.5).round().astype(numpy.uint8)
    picture = Image.fromarray(pixels)
    mark = open_watermark("stable_signature", key=KEY, folder=tmp_path)
    reading = mark.read(picture.crop((5, 3, 101, 107)))
    assert reading.is_present
    assert reading.payload == signature
    shown = picture.resize((640, 640), Image.Resampling.NEAREST)
    assert mark.read(shown).is_present


def test_plain_pictures_carry_no_signature(trained: tuple[Extractor, Path], tmp_path: Path) -> None:
    export_extractor(trained[0], tmp_path, signature=SIGNATURE, shown_at=(1.0, 4.0))
    mark = open_watermark("stable_signature", key=KEY, folder=tmp_path)
    random = numpy.random.default_rng(2)
    for side in (20, 64, 250):
        noise = random.integers(0, 256, (side, side, 3), dtype=numpy.uint8)
        assert not mark.read(Image.fromarray(noise)).is_present


def test_a_signature_cannot_be_added_afterwards(
    trained: tuple[Extractor, Path], tmp_path: Path
) -> None:
    export_extractor(trained[0], tmp_path, signature=SIGNATURE, shown_at=(1.0,))
    mark = open_watermark("stable_signature", key=KEY, folder=tmp_path)
    with pytest.raises(MarkImpossible, match="decoder"):
        mark.embed(Image.new("RGB", (64, 64)), 1)


def test_an_empty_folder_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(MarkImpossible, match=r"gpu_worker\.starter\.signature"):
        open_watermark("stable_signature", key=KEY, folder=tmp_path)


@pytest.mark.usefixtures("one_thread")
def test_a_starter_decoder_is_taught_in_two_commands(tmp_path: Path) -> None:
    photographs = tmp_path / "photographs"
    photographs.mkdir()
    for number, colour in enumerate(("teal", "gold")):
        Image.new("RGB", (160, 140), colour).save(photographs / f"{number}.png")
    words = ["--cache", str(tmp_path), "--pictures", str(photographs), "--side", "32"]
    few = ["--steps", "2", "--batch", "2"]
    assert main(["extractor", *words, *few]) == 0
    assert main(["tune", *words, *few, "--signature", "5AFE00C0FFEE"]) == 0
    signed = tmp_path / "signature-sdxl" / "signed"
    assert load_extractor(signed / "extractor").signature == SIGNATURE
    assert (signed / "vae" / "diffusion_pytorch_model.safetensors").exists()


def test_weather_leaves_whole_cells_and_the_range() -> None:
    pixels = torch.rand((2, 3, 64, 48)) * 2 - 1
    part = cut(pixels, RANDOM, area=0.5)
    assert part.shape[2] % CELL_PX == 0
    assert 0.3 < part[0, 0].numel() / pixels[0, 0].numel() < 0.7
    assert resize_and_back(pixels, 0.6).shape == pixels.shape
    assert float(lighten(pixels, 1.3).max()) <= 1


def test_jpeg_changes_pictures_and_lets_gradients_pass() -> None:
    pixels = (torch.rand((1, 3, 32, 32)) * 2 - 1).requires_grad_()
    seen = compress(pixels, 50)
    buffer = BytesIO()
    values = ((pixels[0].detach() + 1) * 127.5).round().to(torch.uint8).permute(1, 2, 0).numpy()
    Image.fromarray(values).save(buffer, format="JPEG", quality=50)
    expected = torch.from_numpy(numpy.asarray(Image.open(buffer)).copy()).permute(2, 0, 1)
    assert torch.allclose((seen[0].detach() + 1) * 127.5, expected.float(), atol=0.01)
    torch.autograd.backward(seen.sum())
    assert pixels.grad is not None
    assert torch.equal(pixels.grad, torch.ones_like(pixels))


def test_a_folder_without_pictures_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no pictures"):
        read_album(tmp_path, side=64)
