"""Small real models: built once a session, never committed. Not to be written to."""

from pathlib import Path

import pytest

from gpu_worker.starter import build_tiny_flux, build_tiny_sd3, build_tiny_sdxl


@pytest.fixture(scope="session")
def tiny_sdxl(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A diffusers SDXL folder with random weights: 64 px, 8 steps, 5 MB."""
    return build_tiny_sdxl(tmp_path_factory.mktemp("models") / "tiny-sdxl")


@pytest.fixture(scope="session")
def tiny_sd3(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A diffusers SD3 folder with random weights, T5 included: 64 px, 8 steps, 1 MB."""
    return build_tiny_sd3(tmp_path_factory.mktemp("models") / "tiny-sd3")


@pytest.fixture(scope="session")
def tiny_flux(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A diffusers Flux folder with random weights, guidance distilled: 64 px, 8 steps, 1 MB."""
    return build_tiny_flux(tmp_path_factory.mktemp("models") / "tiny-flux")


@pytest.fixture(scope="session")
def tiny_flux_plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A diffusers Flux folder with random weights that is guided by two looks."""
    folder = tmp_path_factory.mktemp("models") / "tiny-flux-plain"
    return build_tiny_flux(folder, is_distilled=False)
