"""What starts loads no library that it has no use for: no end tensors, no list of commands any."""

import subprocess
import sys

import pytest

from backend.cli.commands import COMMANDS
from tests.architecture.house import ROOT

LARGE = ("alembic", "boto3", "sqlalchemy", "celery", "redis", "aiohttp", "numpy", "PIL", "pydantic")
HEAVY = ("torch", "diffusers", "transformers", "accelerate", "peft", "onnxruntime")


def loaded_by(script: str, modules: tuple[str, ...]) -> str:
    """Return which of these modules a process of its own has loaded after a script, as a list."""
    ran = subprocess.run(  # noqa: S603 - our own interpreter and script
        [
            sys.executable,
            "-W",
            "ignore",
            "-c",
            f"import sys\n{script}\nprint([m for m in {modules!r} if m in sys.modules])",
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout.splitlines()[-1]


@pytest.mark.parametrize(
    "modules",
    [
        "bot.client, bot.__main__",
        "backend.gateway.app",
        "backend.__main__",
        ", ".join(sorted({command.module for command in COMMANDS})),
    ],
)
def test_no_tensor_library_is_loaded(modules: str) -> None:
    assert loaded_by(f"import {modules}", HEAVY) == "[]"


@pytest.mark.parametrize("words", [["--version"], ["--help"]])
def test_what_only_tells_of_commands_loads_no_large_library(words: list[str]) -> None:
    script = f"from backend.cli import main\ntry: main({words})\nexcept SystemExit: pass"
    assert loaded_by(script, HEAVY + LARGE) == "[]"
