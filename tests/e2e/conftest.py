"""The production processes, started as a newcomer starts them."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

from gpu_worker.starter import build_tiny_sdxl
from tests.e2e.rest import Rest, fetch
from tests.fakes.openapi import openapi_document

READY_TIMEOUT_S = 120.0
# What these files ask for is drawn by one workshop.
SHARES_A_WORKSHOP = (
    "explain",
    "given_pictures",
    "imagine_command",
    "recipes",
    "steering",
)
LATENT_SIDE = 40
IMPASTO = str(Path(sys.executable).with_name("impasto"))


class GroupScheduling(LoadScopeScheduling):
    """Deals out whole groups of tests, each to one process: what shares processes draws in one."""

    def _split_scope(self, nodeid: str) -> str:
        """Return a test's group: its folder, its workshop, or its file."""
        *rooms, file = nodeid.split("::")[0].removeprefix("tests/e2e/").split("/")
        name = file.removeprefix("test_").removesuffix(".py")
        return rooms[0] if rooms else "workshop" if name in SHARES_A_WORKSHOP else name


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> GroupScheduling:
    """Deal out our groups; xdist's own (`loadgroup`) do nothing under pytest 9.2 (xdist 3.8.0)."""
    return GroupScheduling(config, log)


@dataclass(kw_only=True)
class Box:
    """A home folder and the environment its processes run in."""

    home: Path
    env: dict[str, str]

    def impasto(
        self, *arguments: str, timeout_s: float = 180, cwd: Path | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run one command to its end; one that does not end shows where it stands."""
        with subprocess.Popen(  # noqa: S603 - our own command
            [IMPASTO, *arguments],
            env={**self.env, "PYTHONFAULTHANDLER": "1"},
            cwd=cwd or self.home,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            try:
                told, complained = process.communicate(timeout=timeout_s)
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGABRT)
                _, complained = process.communicate(timeout=timeout_s)
                pytest.fail(f"{arguments} hung:\n{complained}\n{self.logs()}")
        return subprocess.CompletedProcess(arguments, process.returncode, told, complained)

    def imagine(self, *arguments: str) -> tuple[int, dict[str, Any]]:
        """Run `impasto imagine … --json`; return its exit status and what it printed."""
        done = self.impasto("imagine", *arguments, "--json")
        assert done.stdout.strip(), done.stderr
        return done.returncode, json.loads(done.stdout)

    def logs(self) -> str:
        """Return the ends of all logs, for a failing test."""
        return "\n".join(
            f"--- {log.name}\n" + "\n".join(log.read_text().splitlines()[-12:])
            for log in sorted((self.home / "logs").glob("*.log"))
        )


def make_box(home: Path, **env: str) -> Box:
    inherited = {name: value for name, value in os.environ.items() if name[:8] != "IMPASTO_"}
    return Box(home=home, env={**inherited, "IMPASTO_HOME": str(home), **env})


@dataclass(kw_only=True)
class Demo:
    """A running `impasto demo` and where its doors are."""

    box: Box
    doors: Mapping[str, Any]
    process: subprocess.Popen[bytes]

    def process_id(self, name: str) -> int:
        """Return a process's id as it is now; the supervisor may have started it again."""
        found = processes_named(self.box.home, MODULES[name])
        assert found, f"{name} does not run\n{self.box.logs()}"
        return found[-1]


MODULES: dict[str, Sequence[str]] = {
    "worker": ("gpu_worker", "--family"),
    "bot": ("-m", "bot\0"),
    "dispatcher": ("backend", "dispatcher"),
    "gateway": ("backend", "gateway"),
    "valkey": ("valkey-server",),
}


def processes_named(home: Path, words: Sequence[str]) -> list[int]:
    """Return the ids of this home's processes whose command line has all the words."""
    found = []
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            command = (folder / "cmdline").read_bytes().decode(errors="replace")
            env = (folder / "environ").read_bytes().decode(errors="replace")
            place = (folder / "cwd").readlink()
        except OSError:
            continue
        # Valkey writes its title over its environment, but works in its own folder under home.
        mine = f"IMPASTO_HOME={home}\0" in env or place == home / "valkey"
        if mine and all(word in command for word in words):
            found.append(int(folder.name))
    return sorted(found)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """`impasto demo` over a model to watch and to kill."""
    home = tmp_path_factory.mktemp("demo")
    with running_demo(
        make_box(home, IMPASTO_MODEL_SDXL=str(unhurried_model(home / "model")))
    ) as it:
        yield it


@pytest.fixture(scope="session")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """`impasto demo` over the starter model; a command that runs in its home finds it running."""
    with running_demo(
        make_box(tmp_path_factory.mktemp("workshop"), IMPASTO_FAMILIES="sdxl")
    ) as demo:
        yield demo


@pytest.fixture
def rest(workshop: Demo) -> Rest:
    """The workshop's REST door, and a key to it."""
    done = workshop.box.impasto("key", "create", "tester")
    return Rest(url=workshop.doors["gateway_url"], key=done.stdout.split()[0])


@contextmanager
def running_demo(box: Box) -> Iterator[Demo]:
    """Run `impasto demo` in a box, stopped with Ctrl-C afterwards; nothing of it may be left."""
    ready_file = box.home / "ready.json"
    output = (box.home / "demo.out").open("wb")
    process = subprocess.Popen(  # noqa: S603 - our own command
        [IMPASTO, "demo", "--ready-file", str(ready_file), *judged()],
        env=box.env,
        stdout=output,
        stderr=subprocess.STDOUT,
    )
    try:
        wait_for_file(ready_file, process, box)
        doors = json.loads(ready_file.read_text())
        yield Demo(box=box, doors=doors, process=process)
        assert fetch(doors["control"] + "/problems") == (200, b"[]")
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=60) == 0
        assert processes_named(box.home, ()) == []
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait(timeout=60)
        output.close()


def judged() -> tuple[str, ...]:
    """Have every request of the bot judged by Discord's own document, where it is at hand."""
    document = openapi_document()
    return ("--openapi", str(document)) if document else ()


def unhurried_model(folder: Path) -> Path:
    """Build a model to watch and to kill: 150 steps take many seconds, on a fast machine too."""
    build_tiny_sdxl(folder)
    config = folder / "unet" / "config.json"
    settings = json.loads(config.read_text())
    config.write_text(json.dumps({**settings, "sample_size": LATENT_SIDE}))
    return folder


def wait_for_file(path: Path, process: subprocess.Popen[bytes], box: Box) -> None:
    deadline = time.monotonic() + READY_TIMEOUT_S
    while not path.exists():
        out = (box.home / "demo.out").read_text()
        assert process.poll() is None, f"{out}\n{box.logs()}"
        assert time.monotonic() < deadline, f"{out}\n{box.logs()}"
        time.sleep(0.1)
