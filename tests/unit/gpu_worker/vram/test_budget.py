"""Estimates cover what work takes, grow with it, and do not scare work away."""

import weakref
from collections.abc import Callable, Mapping

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from backend.contracts import ModelFamily
from gpu_worker.compose.room import open_books, open_work_memory, profile_of
from gpu_worker.families import open_family
from gpu_worker.family import Family, LoadedModel
from gpu_worker.state import OutOfMemory
from gpu_worker.vram.budget import (
    ActivationProfile,
    Budget,
    Workload,
    estimate_decoding,
    estimate_denoising,
    estimate_encoding,
    estimate_upscaling,
    in_words,
    most_rows,
)
from gpu_worker.vram.manager import VramManager
from gpu_worker.vram.probe import MeasuredMemory, measure_memory

MIB = 2**20
SDXL = ActivationProfile(network_width=320, pixels_per_cell=8, text_cells=0, vae_width=128)


class LiveBytes(TorchDispatchMode):
    """Counts the bytes of all tensors made under it that are alive, and their peak."""

    def __init__(self, network: torch.nn.Module) -> None:
        super().__init__()
        self.peak = self._live = 0
        self._known = {weight.untyped_storage()._cdata for weight in network.state_dict().values()}

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        made = function(*args, **(kwargs or {}))
        for tensor in tree_leaves(made):
            if isinstance(tensor, torch.Tensor):
                self._count(tensor.untyped_storage())
        return made

    def _count(self, storage: torch.UntypedStorage) -> None:
        key, size = storage._cdata, storage.nbytes()
        if key in self._known:
            return
        self._known.add(key)
        self._live += size
        self.peak = max(self.peak, self._live)
        weakref.finalize(storage, self._forget, key, size)

    def _forget(self, key: int, size: int) -> None:
        self._known.discard(key)
        self._live -= size


def peak_of(network: torch.nn.Module, work: Callable[[], object]) -> int:
    with torch.no_grad(), LiveBytes(network) as live:
        work()
    return live.peak


@pytest.mark.parametrize("family_name", list(ModelFamily))
def test_a_step_takes_no_more_than_estimated(
    loaded: Mapping[ModelFamily, LoadedModel], family_name: ModelFamily
):
    model = loaded[family_name]
    family: Family = open_family(family_name, model)
    rows, side = 4, min(256, family.longest_side)
    network = getattr(model.pipeline, "unet", None) or model.pipeline.transformer
    with torch.no_grad():
        told = family_conditioning(family, rows, side)
    latents = torch.randn(rows, family.latent_channels, *[side // family.pixels_per_latent] * 2)
    peak = peak_of(network, lambda: family.predict_noise(latents, torch.full((rows,), 500.0), told))
    estimate = estimate_denoising(
        profile_of(model, family), Workload(width=side, height=side, rows=rows)
    )
    assert peak <= estimate
    assert estimate <= 8 * peak, "so far off, it would turn work away for nothing"


def family_conditioning(family: Family, rows: int, side: int):
    from backend.contracts import RenderJob, Tier
    from gpu_worker.render.encode import PromptEncoder
    from gpu_worker.render.guidance import Guidance

    job = RenderJob(
        job_id="gen_1", attempt=1, family=family.name, tier=Tier.FAST, prompt="a fox", seed=1,
        image_count=rows,
    )  # fmt: skip
    guidance = Guidance(scale=1.0, is_left_to_network=True)
    encoded = PromptEncoder(family=family).encode(job, guidance, width=side, height=side)
    return encoded.conditioning


@pytest.mark.parametrize("family_name", list(ModelFamily))
def test_decoding_takes_no_more_than_estimated(
    loaded: Mapping[ModelFamily, LoadedModel], family_name: ModelFamily
):
    model = loaded[family_name]
    family = open_family(family_name, model)
    latents = torch.randn(1, family.latent_channels, 32, 32)
    side = 32 * family.pixels_per_latent
    peak = peak_of(model.pipeline.vae, lambda: family.decode(latents))
    estimate = estimate_decoding(profile_of(model, family), Workload(width=side, height=side))
    assert peak <= estimate <= 8 * peak


def test_full_sizes_are_near_what_was_counted_over_the_full_architectures():
    large = Workload(width=1024, height=1024, rows=2)
    assert 316 * MIB <= estimate_denoising(SDXL, large) <= 400 * MIB
    flux = ActivationProfile(network_width=3072, pixels_per_cell=16, text_cells=512, vae_width=128)
    assert 854 * MIB <= estimate_denoising(flux, large) <= 1100 * MIB
    picture = Workload(width=1024, height=1024)
    assert 1538 * MIB <= estimate_decoding(SDXL, picture) <= 2000 * MIB
    assert 1286 * MIB <= estimate_encoding(SDXL, picture) <= 1700 * MIB


@given(st.integers(64, 2048), st.integers(64, 2048), st.integers(1, 32), st.integers(0, 2**36))
def test_as_many_rows_as_are_said_to_fit_do_fit_and_no_more(
    width: int, height: int, rows: int, free_bytes: int
):
    work = Workload(width=width, height=height, rows=rows)
    fitting = most_rows(SDXL, work, free_bytes=free_bytes)
    one = estimate_denoising(SDXL, Workload(width=width, height=height))
    assert fitting * one <= free_bytes < (fitting + 1) * one
    assert estimate_denoising(SDXL, work) <= rows * one


@given(st.integers(64, 1024), st.integers(1, 16))
def test_larger_work_takes_more(side: int, rows: int):
    work = Workload(width=side, height=side, rows=rows)
    more = Workload(width=side + 64, height=side, rows=rows + 1)
    assert estimate_denoising(SDXL, work) <= estimate_denoising(SDXL, more)
    assert estimate_decoding(SDXL, work) < estimate_decoding(SDXL, more)


def test_enlarging_counts_the_large_picture():
    assert estimate_upscaling(width=1024, height=1024, scale=4, channels=64) > 2 * 4 * 3 * 16 * MIB


def test_bytes_are_said_as_people_do():
    assert [in_words(size) for size in (0, 512 * MIB, 1536 * MIB)] == [
        "0 MiB",
        "512 MiB",
        "1.5 GiB",
    ]
    assert Budget(device_bytes=5, reserved_bytes=9).usable_bytes == 0


def test_the_hosts_memory_is_measured():
    measured = measure_memory(torch.device("cpu"))
    assert 0 < measured.free_bytes <= measured.total_bytes
    assert measured.fragmented_bytes == 0
    gaps = MeasuredMemory(total_bytes=9, free_bytes=1, allocated_bytes=5, reserved_bytes=8)
    assert gaps.fragmented_bytes == 3


def test_work_is_admitted_by_the_books_before_it_runs(sdxl: Family, loaded_sdxl: LoadedModel):
    assert open_books(torch.device("cpu")).look().usable_bytes > 100 * MIB
    narrow = VramManager(budget=Budget(device_bytes=2 * MIB, reserved_bytes=0))
    memory = open_work_memory(narrow, loaded_sdxl, sdxl)
    with memory.denoising(width=64, height=64, rows=1), memory.encoding(width=16, height=16):
        assert narrow.look().held_bytes == 2 * MIB
    with pytest.raises(OutOfMemory):
        memory.denoising(width=4096, height=4096, rows=8).__enter__()
    with pytest.raises(OutOfMemory):
        memory.decoding(width=4096, height=4096).__enter__()
    assert narrow.look().used_bytes == 0
