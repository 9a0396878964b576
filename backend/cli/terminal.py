"""What the commands share when they speak to a terminal."""

import argparse
import json
import sys
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    # argparse offers no public name for what add_subparsers returns.
    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]  # noqa: SLF001 - see above
else:
    Subparsers = object

PROGRESS_WIDTH = 24
EXIT_DELIVERED, EXIT_BAD_INPUT, EXIT_BLOCKED, EXIT_FAILED = 0, 2, 3, 4


class BadUsage(Exception):
    """A command line that cannot be read."""


class Parser(argparse.ArgumentParser):
    """A parser that leaves it to its caller to tell what is wrong, and in which format."""

    def error(self, message: str) -> NoReturn:
        raise BadUsage(f"{message}. See `{self.prog} --help`.")


def refuse(code: str, message: str, *, as_json: bool) -> None:
    """Say why a command ends: to people on standard error, to programs as the one JSON object."""
    if as_json:
        say(json.dumps({"error": {"code": code, "message": message}}))
    else:
        sys.stderr.write(f"{code}: {message}\n")


def say(text: str) -> None:
    """Write one line to standard output at once."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def show_progress(text: str) -> None:
    """Rewrite the last line of a terminal; does nothing when standard error is none."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\x1b[K{text}")
        sys.stderr.flush()


def bar(step: int, steps: int) -> str:
    """Draw a progress bar."""
    filled = round(PROGRESS_WIDTH * step / steps) if steps else 0
    full, empty = ("█", "░") if _has_blocks() else ("#", ".")
    return full * filled + empty * (PROGRESS_WIDTH - filled) + f" {step}/{steps}"


def _has_blocks() -> bool:
    try:
        "█░".encode(sys.stderr.encoding or "ascii")
    except UnicodeEncodeError:
        return False
    return True
