"""Bot and gateway start without the libraries that only a GPU worker needs."""

import subprocess
import sys

import pytest

from tests.architecture.house import ROOT

HEAVY = ("torch", "diffusers", "transformers", "accelerate", "peft", "onnxruntime")


@pytest.mark.parametrize(
    "modules",
    ["bot.client, bot.__main__", "backend.gateway.app", "backend.__main__", "backend.cli"],
)
def test_no_tensor_library_is_loaded(modules: str) -> None:
    script = f"import sys, {modules}; print([m for m in {HEAVY!r} if m in sys.modules])"
    ran = subprocess.run(  # noqa: S603 - our own interpreter and script
        [sys.executable, "-W", "ignore", "-c", script],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ran.returncode, ran.stdout.strip()) == (0, "[]"), ran.stderr
