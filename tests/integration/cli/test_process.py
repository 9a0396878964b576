"""One process in the foreground, beside the server it needs."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from backend.cli import process
from backend.cli.stack import Stack
from backend.cli.supervisor import ProcessKeepsDying, Program, Supervisor
from backend.settings import Settings


def test_a_process_does_not_outlive_the_server_beside_it(tmp_path: Path, mocker) -> None:
    popen = mocker.spy(subprocess, "Popen")
    forever = [sys.executable, "-c", "import time; time.sleep(600)"]
    with Supervisor(logs=tmp_path, env=os.environ) as supervisor:
        supervisor.start(Program(name="valkey", argv=(sys.executable, "-c", ""), restarts=False))
        stack = Stack(settings=Settings(home=tmp_path), supervisor=supervisor, redis_url="")
        with pytest.raises(ProcessKeepsDying):
            process._run_beside(stack, forever, dict(os.environ))
    assert popen.spy_return.poll() is not None
