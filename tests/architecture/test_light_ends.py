"""What starts loads no library that it has no use for: no end tensors, few commands much."""

import subprocess
import sys
from pathlib import Path

import pytest

from backend.cli.commands import COMMANDS
from backend.db.migrate import upgrade
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


@pytest.mark.parametrize("command", ["verify", "audit", "prompt"])
def test_what_looks_at_one_thing_loads_no_migrations_broker_or_store(command: str) -> None:
    assert loaded_by(f"import backend.cli.{command}", ("alembic", "celery", "boto3")) == "[]"


def test_a_database_of_this_release_is_opened_without_migrations(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'impasto.db'}"
    upgrade(url)
    script = f"from backend.db.migrate import upgrade\nupgrade({url!r})"
    assert loaded_by(script, ("alembic",)) == "[]"
