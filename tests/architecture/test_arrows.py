"""The import contracts hold, and each of them is able to fail."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from tests.architecture.house import PACKAGES, ROOT

LINT = "from importlinter.cli import lint_imports_command as lint; lint()"
# One forbidden import for each contract, in the order of pyproject.toml.
FORBIDDEN = {
    "Houses: two ends, the backend, the libraries": ("storage/keys.py", "backend.domain"),
    "bot enters backend by service, domain and bootstrap": ("bot/identity.py", "backend.db"),
    "gpu_worker enters backend by contracts": ("gpu_worker/state.py", "backend.service"),
    "Rooms of backend": ("backend/domain/jobs.py", "backend.service"),
    "Rooms of gpu_worker": ("gpu_worker/state.py", "gpu_worker.tasks"),
    "Rooms of bot": ("bot/identity.py", "bot.commands"),
    "Rooms of safety": ("safety/verdict.py", "safety.screen_prompt"),
    "Rooms of storage": ("storage/errors.py", "storage.image_store"),
    "Books on a shelf do not lean on each other": (
        "gpu_worker/samplers/ddim.py",
        "gpu_worker.samplers.euler_a",
    ),
    "Tensors never reach bot, backend or storage": ("storage/formats.py", "torch"),
    "Each outside world has one door: discord, Celery, SQL": (
        "backend/service/ports.py",
        "sqlalchemy",
    ),
}


def _lint(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 - our own interpreter and arguments
        [sys.executable, "-c", LINT, "--no-cache", "--no-logo"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )


def _copy_of_the_house(folder: Path) -> Path:
    shutil.copy(ROOT / "pyproject.toml", folder)
    for package in PACKAGES:
        shutil.copytree(
            ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__", "web")
        )
    return folder


def test_all_arrows_point_the_right_way() -> None:
    linted = _lint(ROOT)
    assert linted.returncode == 0, linted.stdout + linted.stderr
    assert f"{len(FORBIDDEN)} kept, 0 broken" in linted.stdout


def test_a_forbidden_import_breaks_each_contract(tmp_path: Path) -> None:
    house = _copy_of_the_house(tmp_path)
    for file, module in FORBIDDEN.values():
        with (house / file).open("a", encoding="utf-8") as opened:
            opened.write(f"\nimport {module}\n")
    linted = _lint(house)
    assert linted.returncode == 1
    broken = re.findall(r"^(.+) BROKEN", linted.stdout, re.M)
    assert sorted(broken) == sorted(FORBIDDEN), linted.stdout + linted.stderr


def test_a_new_room_must_find_its_place_in_the_layers(tmp_path: Path) -> None:
    house = _copy_of_the_house(tmp_path)
    for package in PACKAGES:
        (house / package / "attic.py").write_text('"""Whatever had no room."""\n')
    linted = _lint(house)
    assert linted.returncode == 1
    for package in PACKAGES:
        assert f"{package}.attic" in linted.stdout
