"""`impasto verify FILE` on what is no picture at all: it says so, and never waits or reads on."""

import os
import threading
from pathlib import Path

import pytest

from backend.cli import main
from backend.service.provenance import CHECK_BYTES_MAX

pytestmark = pytest.mark.usefixtures("home")


def verify(path: Path) -> list[int]:
    """Return the status, none if there was no end to it in good time."""
    ended: list[int] = []
    running = threading.Thread(
        target=lambda: ended.append(main(["verify", str(path)])), daemon=True
    )
    running.start()
    running.join(timeout=30)
    return ended


def test_a_pipe_is_not_waited_for(tmp_path, capsys):
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "link.png").symlink_to("pipe.png")
    assert verify(tmp_path / "link.png") not in ([], [0])
    assert "not a picture" in capsys.readouterr().err


def test_a_device_is_not_read(capsys):
    assert verify(Path("/dev/null")) not in ([], [0])
    assert "not a picture" in capsys.readouterr().err


def test_a_folder_is_refused(tmp_path, capsys):
    assert verify(tmp_path) not in ([], [0])
    assert "Traceback" not in capsys.readouterr().err


def test_a_file_that_claims_to_be_endless_is_not_read(tmp_path, capsys):
    path = tmp_path / "vast.png"
    with path.open("wb") as file:
        file.truncate(CHECK_BYTES_MAX + 1)
    assert verify(path) not in ([], [0])
    assert "20 MiB" in capsys.readouterr().err
