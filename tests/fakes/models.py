"""Small real models: built once a session, never committed."""

from pathlib import Path

import pytest

from gpu_worker.starter import build_tiny_sdxl


@pytest.fixture(scope="session")
def tiny_sdxl(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A diffusers SDXL folder with random weights: 64 px, 8 steps, 5 MB. Not to be written to."""
    return build_tiny_sdxl(tmp_path_factory.mktemp("models") / "tiny-sdxl")
