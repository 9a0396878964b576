"""What the commands share when they speak to a terminal."""

import argparse
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    # argparse offers no public name for what add_subparsers returns.
    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]  # noqa: SLF001 - see above
else:
    Subparsers = object

PROGRESS_WIDTH = 24


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
    return "█" * filled + "░" * (PROGRESS_WIDTH - filled) + f" {step}/{steps}"
