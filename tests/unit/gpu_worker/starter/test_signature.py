"""A Stable Signature: the two halves agree, and a decoder can be taught to draw one."""

from io import BytesIO
from pathlib import Path
from random import Random

import numpy
import pytest
import torch
from diffusers import AutoencoderKL
from PIL import Image

from backend.contracts import ModelFamily
from gpu_worker.compose.signing import find_decoder, give_places, sign
from gpu_worker.starter.autoencoder import build_autoencoder
from gpu_worker.starter.signature.__main__ import export_extractor, main
from gpu_worker.starter.signature.networks import CELL_PX, Extractor, Hider, mean_cell, waves
from gpu_worker.starter.signature.noise import (
    compress,
    cut,
    lighten,
    misplace,
    resize_and_back,
    weather,
)
from gpu_worker.starter.signature.pictures import Album, read_album
from gpu_worker.starter.signature.train_extractor import ExtractorRun, train_extractor
from gpu_worker.state import ModelBroken, ModelMissing
from safety.errors import MarkImpossible
from safety.provenance.signature import DECODER_FILE, SignatureFacts
from safety.provenance.watermarks import open_watermark
from safety.provenance.watermarks.stable_signature import load_extractor

SIGNATURE = 0x5AFE00C0FFEE
KEY = bytes(32)
RANDOM = Random(1)  # noqa: S311 repeatable on purpose


def export(
    extractor: Extractor,
    folder: Path,
    *,
    signature: int = SIGNATURE,
    trace: torch.Tensor | None = None,
    shown_at: tuple[int, ...] = (1,),
) -> None:
    trace = torch.ones((3, CELL_PX, CELL_PX)) if trace is None else trace
    facts = SignatureFacts(signature=signature, family="sdxl", shown_at=shown_at)
    export_extractor(extractor, folder, trace=trace, facts=facts)


def album(count: int = 24, side: int = 64) -> Album:
    random = numpy.random.default_rng(0)
    plain = random.integers(40, 216, (count, 3, 1, 1), dtype=numpy.uint8)
    return Album(numpy.broadcast_to(plain, (count, 3, side, side)).copy())


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Extractor, Path]:
    folder = tmp_path_factory.mktemp("signature")
    run = ExtractorRun(folder=folder, steps=60, batch=8, side=32, calm_steps=60)
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    extractor = train_extractor(run, album())
    torch.set_num_threads(before)
    return extractor, folder


def test_an_extractor_learns_to_read_what_is_hidden(trained: tuple[Extractor, Path]) -> None:
    extractor, folder = trained
    hider = Hider(Extractor())
    hider.load_state_dict(torch.load(folder / "extractor.pt", weights_only=True)["hider"])
    bits = torch.randint(0, 2, (16, 48), generator=torch.Generator().manual_seed(3)).float()
    with torch.no_grad():
        seen = hider(album().take(RANDOM, 16, side=64), bits, 0.01)
        right = ((extractor(seen) > 0) == (bits > 0.5)).float().mean()
    assert right > 0.6  # of 768 bits; chance alone stays within 0.07 of a half


def test_training_goes_on_where_it_stopped(trained: tuple[Extractor, Path]) -> None:
    extractor, folder = trained
    run = ExtractorRun(folder=folder, steps=60, batch=8, side=32)
    again = train_extractor(run, album())
    for one, other in zip(extractor.parameters(), again.parameters(), strict=True):
        assert torch.equal(one, other)


def test_the_reader_in_numpy_says_what_the_network_says(
    trained: tuple[Extractor, Path], tmp_path: Path
) -> None:
    extractor, _ = trained
    export(extractor, tmp_path)
    pixels = torch.rand((1, 3, 72, 48), generator=torch.Generator().manual_seed(1)) * 2 - 1
    with torch.no_grad():
        expected = extractor(pixels)[0].numpy()
    found = load_extractor(tmp_path).logits(pixels[0].permute(1, 2, 0).numpy())
    assert found == pytest.approx(expected, abs=1e-3)


def hidden(extractor: Extractor, folder: Path, *, side: int, shown_at: int) -> Image.Image:
    """Hide the signature in a plain picture, and export what reads it."""
    torch.manual_seed(0)
    hider = Hider(extractor)
    bits = torch.tensor([[float(SIGNATURE >> place & 1) for place in range(48)]])
    with torch.no_grad():
        plain = torch.zeros((1, 3, side, side))
        drawn = hider(plain, bits, 0.04)
    export(extractor, folder, trace=mean_cell(drawn), shown_at=(shown_at,))
    pixels = ((drawn[0].permute(1, 2, 0).numpy() + 1) * 127.5).round().astype(numpy.uint8)
    picture = Image.fromarray(pixels)
    size = (side * shown_at, side * shown_at)
    return picture.resize(size, Image.Resampling.NEAREST)


@pytest.mark.parametrize(
    ("shown_at", "box"), [(1, (5, 3, 101, 107)), (1, (0, 2, 160, 140)), (4, (37, 14, 590, 401))]
)
def test_a_picture_cut_anywhere_is_read_at_the_right_place(
    tmp_path: Path, shown_at: int, box: tuple[int, int, int, int]
) -> None:
    picture = hidden(Extractor(), tmp_path, side=160, shown_at=shown_at)
    reading = open_watermark("stable_signature", key=KEY, folder=tmp_path).read(picture.crop(box))
    assert reading.is_present
    assert reading.payload == SIGNATURE


@pytest.mark.parametrize("factor", [0.5, 0.77, 1.31, 2.0])
def test_a_picture_of_another_size_is_read_at_the_right_size(tmp_path: Path, factor: float) -> None:
    picture = hidden(Extractor(), tmp_path, side=128, shown_at=4).crop((9, 22, 480, 500))
    size = (round(picture.width * factor), round(picture.height * factor))
    resized = picture.resize(size, Image.Resampling.BICUBIC)
    reading = open_watermark("stable_signature", key=KEY, folder=tmp_path).read(resized)
    assert reading.is_present
    assert reading.payload == SIGNATURE


def test_plain_pictures_carry_no_signature(trained: tuple[Extractor, Path], tmp_path: Path) -> None:
    export(trained[0], tmp_path, shown_at=(1, 4))
    mark = open_watermark("stable_signature", key=KEY, folder=tmp_path)
    random = numpy.random.default_rng(2)
    for side in (20, 64, 250):
        noise = random.integers(0, 256, (side, side, 3), dtype=numpy.uint8)
        assert not mark.read(Image.fromarray(noise)).is_present


def test_a_signature_cannot_be_added_afterwards(
    trained: tuple[Extractor, Path], tmp_path: Path
) -> None:
    export(trained[0], tmp_path)
    mark = open_watermark("stable_signature", key=KEY, folder=tmp_path)
    with pytest.raises(MarkImpossible, match="decoder"):
        mark.embed(Image.new("RGB", (64, 64)), 1)


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
    extractor = load_extractor(signed)
    assert extractor.signature == SIGNATURE
    assert extractor.shown_at == (4,)
    assert numpy.abs(extractor.trace).max() > 0
    decoder = find_decoder(signed, ModelFamily.SDXL)
    assert decoder is not None
    assert int(decoder.number, 16) == SIGNATURE
    assert find_decoder(signed, ModelFamily.FLUX) is None
    autoencoder = a_small_autoencoder()
    with pytest.raises(ModelBroken, match="no decoder of this model's kind"):
        sign(autoencoder, decoder.path)


def a_small_autoencoder() -> AutoencoderKL:
    torch.manual_seed(0)
    return build_autoencoder((8, 8, 16, 16)).eval()


def test_only_with_places_can_a_plain_ground_carry_anything() -> None:
    autoencoder = a_small_autoencoder()
    latents = torch.ones((1, 4, 24, 24))
    with torch.no_grad():
        before = autoencoder.decode(latents).sample
        places = give_places(autoencoder.decoder)
        assert torch.equal(autoencoder.decode(latents).sample, before)
        for each in places:
            each.copy_(torch.randn(each.shape))
        after = autoencoder.decode(latents).sample
    middle = slice(96, 96 + CELL_PX)
    assert float(before[0, :, middle, middle].std(dim=(1, 2)).max()) < 0.01
    assert float(after[0, :, middle, middle].std(dim=(1, 2)).max()) > 0.1


def test_a_file_that_is_no_decoder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelMissing, match="IMPASTO_SIGNATURE"):
        sign(a_small_autoencoder(), tmp_path / DECODER_FILE)
    (tmp_path / DECODER_FILE).write_bytes(b"no tensors")
    with pytest.raises(ModelBroken, match="IMPASTO_SIGNATURE"):
        sign(a_small_autoencoder(), tmp_path / DECODER_FILE)


def test_without_a_folder_nothing_is_signed() -> None:
    assert find_decoder(None, ModelFamily.SDXL) is None


def test_waves_are_at_right_angles_and_none_is_flat() -> None:
    flat = waves().flatten(1)
    assert torch.allclose(flat @ flat.T, torch.eye(len(flat)), atol=1e-5)
    assert float(waves().mean(dim=(2, 3)).abs().max()) < 1e-6


def test_weather_leaves_whole_cells_and_the_range() -> None:
    pixels = torch.rand((2, 3, 64, 48)) * 2 - 1
    part = cut(pixels, RANDOM, area=0.5)
    assert part.shape[2] % CELL_PX == 0
    assert 0.3 < part[0, 0].numel() / pixels[0, 0].numel() < 0.7
    assert resize_and_back(pixels, 0.6).shape == pixels.shape
    assert float(lighten(pixels, 1.3).max()) <= 1
    assert misplace(pixels, RANDOM).shape == pixels.shape


def test_what_is_shown_enlarged_is_hurt_less() -> None:
    pixels = torch.rand((1, 3, 48, 48), generator=torch.Generator().manual_seed(2)) * 2 - 1
    harm = [float((compress(pixels, 60, shown_at=at) - pixels).abs().mean()) for at in (1, 4)]
    assert harm[1] < harm[0] / 2


def test_all_weather_keeps_gradients() -> None:
    for number in range(12):
        pixels = torch.zeros((1, 3, 32, 32)).requires_grad_()
        seen = weather(pixels, Random(number), shown_at=4)  # noqa: S311 repeatable on purpose
        torch.autograd.backward(seen.sum())
        assert pixels.grad is not None
        assert float(pixels.grad.abs().sum()) > 0


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
