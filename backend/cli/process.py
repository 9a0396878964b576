"""`impasto bot|gateway|dispatcher|worker`: one process each, in the foreground."""

import argparse
import os
import signal
import subprocess
import sys
import time

from backend.cli.extras import must_be_installed
from backend.cli.stack import Stack, model_env, open_stack
from backend.cli.supervisor import ProcessKeepsDying, die_with_parent, end
from backend.cli.valkey import ValkeyMissing
from backend.domain.families import ModelFamily
from backend.settings import Settings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the commands of one process each take."""
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:  # noqa: RET503 - execve does not return
    """Become the process, or stand beside it where an embedded Valkey server has to run with it."""
    settings = Settings()
    must_be_installed(arguments.command)
    try:
        with open_stack(settings) as stack:
            argv, env = _command(arguments, stack)
            if stack.supervisor.process_ids():
                return _run_beside(stack, argv, env)
    except (ProcessKeepsDying, ValkeyMissing) as error:
        sys.stderr.write(f"{error}\n")
        return 4
    os.execve(argv[0], argv, env)  # noqa: S606 - our own argument list


def _command(arguments: argparse.Namespace, stack: Stack) -> tuple[list[str], dict[str, str]]:
    env = {
        **os.environ,
        "IMPASTO_HOME": str(stack.settings.home),
        "IMPASTO_REDIS_URL": stack.redis_url,
    }
    match arguments.command:
        case "bot":
            tail = ["bot"]
        case "worker":
            tail = ["gpu_worker", "--family", arguments.family]
            env |= model_env(stack.settings, ModelFamily(arguments.family))
        case name:
            tail = ["backend", name]
    return [sys.executable, "-m", *tail], env


def _run_beside(stack: Stack, argv: list[str], env: dict[str, str]) -> int:
    """Run the process in the foreground; whatever becomes of us, it does not outlive its server."""
    process = subprocess.Popen(argv, env=env, preexec_fn=die_with_parent())  # noqa: S603 - our own argument list

    def pass_on(number: int, frame: object) -> None:
        process.terminate()

    previous = {
        number: signal.signal(number, pass_on) for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        while (status := process.poll()) is None:
            stack.supervisor.poll()
            time.sleep(0.2)
        return status
    finally:
        end(process)
        for number, handler in previous.items():
            signal.signal(number, handler)
