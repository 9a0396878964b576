"""A model is dressed by name, from a folder, through the host's cache; and undressed to the bit."""

import copy
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from pydantic import ValidationError

from backend.contracts import LoraUse, ModelFamily
from gpu_worker.compose import wardrobe as wardrobe_module
from gpu_worker.compose.byte_cache import ByteCache
from gpu_worker.compose.lora import load_lora
from gpu_worker.compose.lora_files import find_lora
from gpu_worker.compose.wardrobe import Wardrobe
from gpu_worker.families import open_family
from gpu_worker.family import LoadedModel
from gpu_worker.render.encode import PromptEncoder
from gpu_worker.render.guidance import Guidance
from gpu_worker.state import AdapterBroken, AdapterMissing, BadRequest, OutOfMemory
from gpu_worker.vram.budget import Budget
from gpu_worker.vram.manager import VramManager
from tests.unit.gpu_worker.compose.loras import style_lora
from tests.unit.gpu_worker.conftest import a_render_job

MIB = 2**20
ONE, TWO = LoraUse(name="one"), LoraUse(name="two", scale=0.5)
IN_WORDS = LoraUse(name="in-words")


@pytest.fixture(scope="module")
def model(loaded_sdxl: LoadedModel) -> LoadedModel:
    return replace(loaded_sdxl, pipeline=copy.deepcopy(loaded_sdxl.pipeline))


@pytest.fixture(scope="module")
def folder(model: LoadedModel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("loras")
    style_lora(folder / "one.safetensors", model, rank=2, seed=1)
    (folder / "lora-two").mkdir()
    style_lora(folder / "lora-two/pytorch_lora_weights.safetensors", model, rank=5, seed=2)
    style_lora(folder / "in-words.safetensors", model, rank=2, seed=3, part="text_encoder")
    (folder / "old.ckpt").write_bytes(b"\x80\x04")
    return folder


def open_wardrobe(
    model: LoadedModel, folder: Path, *, vram: VramManager | None = None, cached_bytes: int = MIB
) -> Wardrobe:
    return Wardrobe(
        model=model,
        family=ModelFamily.SDXL,
        folder=folder,
        cached_bytes=cached_bytes,
        vram=vram,
    )


@pytest.fixture
def look(model: LoadedModel) -> Callable[[], torch.Tensor]:
    """Encodes a prompt and looks once: what a picture is made of."""
    family = open_family(ModelFamily.SDXL, model)
    job = a_render_job(prompt="a fox", guidance=1.0)
    guidance = Guidance(scale=1.0, is_left_to_network=False)

    def once() -> torch.Tensor:
        latents = torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(5))
        with torch.inference_mode():
            # Read anew each time: an outfit may change how words are read.
            told = PromptEncoder(family=family).encode(job, guidance, width=64, height=64)
            return family.predict_noise(latents, torch.tensor([400.0]), told.conditioning)

    return once


def test_outfits_change_the_picture_and_taking_them_off_brings_it_back_to_the_bit(
    model: LoadedModel, folder: Path, look: Callable[[], torch.Tensor]
):
    before = look()
    wardrobe = open_wardrobe(model, folder)
    seen = []
    for outfit in ((ONE,), (TWO,), (ONE, TWO), (IN_WORDS,), (IN_WORDS, ONE)):
        assert wardrobe.dress(outfit)
        seen.append(look())
        assert wardrobe.dress(())
        assert torch.equal(look(), before)
    for index, one in enumerate(seen):
        assert not any(torch.equal(one, other) for other in [before, *seen[:index]])
    # There and back again: the same outfit is the same picture.
    wardrobe.dress((ONE, TWO))
    assert torch.equal(look(), seen[2])
    wardrobe.strip()
    assert torch.equal(look(), before)


def test_the_same_outfit_in_another_order_is_not_put_on_again(model: LoadedModel, folder: Path):
    wardrobe = open_wardrobe(model, folder)
    assert wardrobe.dress((ONE, TWO))
    assert not wardrobe.dress((TWO, LoraUse(name="one"), LoraUse(name="x", scale=0)))
    wardrobe.strip()


def test_with_room_for_the_whole_folder_nothing_is_rebuilt(model: LoadedModel, folder: Path):
    wardrobe = open_wardrobe(model, folder)
    assert wardrobe.prepare(["one", "two", "nowhere", "old"], at_once=2) == ("one", "two")
    rebuilds = wardrobe.rebuilds
    for outfit in ((ONE,), (TWO, ONE), (), (TWO,)):
        wardrobe.dress(outfit)
    assert wardrobe.rebuilds == rebuilds
    wardrobe.strip()


@pytest.mark.parametrize(
    "outfit",
    [
        (ONE, LoraUse(name="one", scale=0.3)),
        tuple(LoraUse(name=f"n{number}") for number in range(5)),
    ],
)
def test_impossible_outfits_are_refused(
    model: LoadedModel, folder: Path, outfit: tuple[LoraUse, ...]
):
    with pytest.raises(BadRequest):
        open_wardrobe(model, folder).dress(outfit)


@pytest.mark.parametrize("scale", [5.0, -4.1, float("nan"), float("inf")])
def test_a_scale_out_of_range_is_not_even_said(scale: float):
    with pytest.raises(ValidationError):
        LoraUse(name="one", scale=scale)


def test_a_failure_halfway_leaves_the_model_undressed(
    model: LoadedModel, folder: Path, look: Callable[[], torch.Tensor],
    monkeypatch: pytest.MonkeyPatch,
):  # fmt: skip
    before = look()
    wardrobe = open_wardrobe(model, folder)
    wardrobe.dress((ONE,))
    copied = wardrobe_module.AdaptedNetwork._copy

    def run_out(self, adapters):
        copied(self, adapters)
        raise torch.OutOfMemoryError

    monkeypatch.setattr(wardrobe_module.AdaptedNetwork, "_copy", run_out)
    with pytest.raises(torch.OutOfMemoryError):
        wardrobe.dress((TWO,))
    assert wardrobe.worn == ()
    assert torch.equal(look(), before)
    monkeypatch.undo()
    assert wardrobe.dress((TWO,))
    wardrobe.strip()


def test_the_room_is_in_the_books_and_refused_when_they_have_none(
    model: LoadedModel, folder: Path, look: Callable[[], torch.Tensor]
):
    before = look()
    vram = VramManager(budget=Budget(device_bytes=MIB, reserved_bytes=0))
    wardrobe = open_wardrobe(model, folder, vram=vram)
    wardrobe.dress((ONE,))
    assert 0 < vram.look().held_bytes < MIB
    with vram.hold("others", MIB - vram.look().used_bytes):
        with pytest.raises(OutOfMemory):
            wardrobe.dress((ONE, TWO))
        assert wardrobe.worn == ()
        assert torch.equal(look(), before)
    assert vram.look().used_bytes == 0


def test_a_lora_is_read_from_disk_once_and_again_when_it_was_replaced(
    model: LoadedModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    read: list[str] = []

    def counted(facts, **options):
        read.append(facts.name)
        return load_lora(facts, **options)

    monkeypatch.setattr(wardrobe_module, "load_lora", counted)
    path = style_lora(tmp_path / "one.safetensors", model, seed=1)
    wardrobe = open_wardrobe(model, tmp_path)
    first = wardrobe.fetch("one")
    assert wardrobe.fetch("one") is first
    assert wardrobe.cached() == {"one"}
    style_lora(path, model, seed=9)
    assert wardrobe.fetch("one") is not first
    assert read == ["one", "one"]
    wardrobe.forget()
    assert wardrobe.cached() == frozenset()


@pytest.mark.parametrize("name", ["../one", "/etc/passwd", "", ".hidden", "nowhere", "a/b"])
def test_a_name_is_never_a_path(folder: Path, name: str):
    with pytest.raises(AdapterMissing):
        find_lora(folder, name)


def test_a_pickle_is_named_as_such(folder: Path):
    with pytest.raises(AdapterBroken, match="pickle"):
        find_lora(folder, "old")


def test_a_cache_never_holds_more_than_its_bytes():
    cache: ByteCache[str, bytes] = ByteCache(most_bytes=10, weigh=len)
    cache.put("a", b"1234")
    cache.put("b", b"1234")
    assert cache.find("a") == b"1234"
    cache.put("c", b"1234")
    assert (list(cache), cache.used_bytes) == (["a", "c"], 8)
    cache.put("huge", bytes(11))
    assert "huge" not in cache
    cache.put("a", b"12")
    assert cache.used_bytes == 6
    assert (cache.find("b"), cache.hits, cache.misses) == (None, 1, 1)
