"""What the command line's unit tests share."""

import os
from pathlib import Path

import pytest

from tests.fakes.models import tiny_flux, tiny_sd3, tiny_sdxl  # noqa: F401 - fixtures


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Make a command's home a folder of this test's own, and nothing else set; it is not there."""
    for name in os.environ:
        if name.startswith("IMPASTO_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("IMPASTO_HOME", str(tmp_path / "home"))
    return tmp_path / "home"
