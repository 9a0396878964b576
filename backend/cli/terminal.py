"""What the commands share when they speak to a terminal."""

import argparse
import difflib
import getpass
import json
import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Final, Literal, NoReturn, Protocol, Self, TextIO

if TYPE_CHECKING:
    # argparse offers no public name for what add_subparsers returns.
    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]  # noqa: SLF001 - see above
else:
    Subparsers = object

PROGRESS_WIDTH = 24
Kind = Literal["bold", "dim", "warning", "alarm"]
PAINT: Final[Mapping[Kind, str]] = {"bold": "1", "dim": "2", "warning": "33", "alarm": "1;31"}
# What a command draws if it is not told how many; bot and gateway draw four.
IMAGE_COUNT: Final = 1
EXIT_DELIVERED, EXIT_BAD_INPUT, EXIT_BLOCKED, EXIT_FAILED = 0, 2, 3, 4


class BadUsage(Exception):
    """A command line that cannot be read."""


class Parser(argparse.ArgumentParser):
    """A parser that leaves it to its caller to tell what is wrong, and in which format."""

    def error(self, message: str) -> NoReturn:
        end = "" if message.endswith("?") else "."
        raise BadUsage(f"{message}{end} See `{self.prog} --help`.")

    def parse_known_args(  # type: ignore[override]  # argparse overloads it for other namespaces
        self,
        args: Sequence[str] | None = None,
        namespace: argparse.Namespace | None = None,
    ) -> tuple[argparse.Namespace, list[str]]:
        """Refuse what a command does not know in that command's name, not in `impasto`'s."""
        known, unknown = super().parse_known_args(args, namespace)
        if unknown:
            self.error(f"unrecognized arguments: {' '.join(unknown)}")
        return known, unknown

    def _check_value(self, action: argparse.Action, value: str) -> None:
        """Refuse a command that there is not by naming the one that was meant, if it can be told.

        It is argparse's own hook for this, as what its `choices` say names all of them.
        """
        if action.nargs != argparse.PARSER or action.choices is None or value in action.choices:
            super()._check_value(action, value)
            return
        names = list(action.choices)
        meant = difflib.get_close_matches(value.lower(), names, n=1)
        told = f"did you mean `{self.prog} {meant[0]}`?" if meant else f"it is {_one_of(names)}"
        self.error(f"there is no command `{self.prog} {value}`; {told}")


def _one_of(names: Sequence[str]) -> str:
    return " or ".join([part for part in (", ".join(names[:-1]), names[-1]) if part])


def input_file(text: str) -> Path:
    """Read the name of a file that a command is to read.

    Raises:
        argparse.ArgumentTypeError: there is none.

    """
    path = Path(text)
    if path.is_dir():
        raise argparse.ArgumentTypeError(f"{text} is a folder, not a file")
    if not path.exists():
        raise argparse.ArgumentTypeError(f"there is no file {text}")
    return path


def refuse(code: str, message: str, *, as_json: bool) -> None:
    """Say why a command ends: to people on standard error, to programs as the one JSON object."""
    if as_json:
        say(json.dumps({"error": {"code": code, "message": message}}))
    else:
        sys.stderr.write(f"{code}: {message}\n")


def user_name() -> str:
    """Return the name of whoever runs the command, or their number where they have none."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        # In a container a user may be a mere number.
        return str(os.getuid())


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


class Style(Protocol):
    """Marks up a text for a terminal, or leaves it as it is."""

    def __call__(self, text: str, kind: Kind, /) -> str:
        """Return the text, marked as this kind."""


def plain(text: str, kind: Kind, /) -> str:
    """Mark nothing."""
    del kind
    return text


def painted(text: str, kind: Kind, /) -> str:
    """Mark by the colours of a terminal."""
    return f"\x1b[{PAINT[kind]}m{text}\x1b[0m"


def may_style(stream: TextIO) -> bool:
    """Whether a stream is a terminal whose user has nothing against colours."""
    return is_screen(stream) and not os.environ.get("NO_COLOR")


def is_screen(stream: TextIO) -> bool:
    """Whether a stream is a terminal that can be written over."""
    return stream.isatty() and os.environ.get("TERM", "dumb") != "dumb"


class LiveScreen:
    """Shows one frame over the other on a screen of its own; a pipe gets them one by one.

    Leaving it brings the terminal back as it was, with the last frame below. Ctrl-C is how one
    leaves: it ends the block and goes no further.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._is_screen = is_screen(stream)
        self._last: Sequence[str] = ()

    def __enter__(self) -> Self:
        if self._is_screen:
            # Another screen, no cursor, lines cut at the edge.
            self._write("\x1b[?1049h\x1b[?25l\x1b[?7l")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool:
        if self._is_screen:
            self._write("\x1b[?7h\x1b[?25h\x1b[?1049l")
            self._write("".join(f"{line}\n" for line in self._last))
        return isinstance(error, KeyboardInterrupt)

    def show(self, lines: Sequence[str]) -> None:
        """Show a frame in place of the last."""
        self._last = lines
        if self._is_screen:
            rows = shutil.get_terminal_size().lines
            shown = "\r\n".join(f"{line}\x1b[K" for line in lines[:rows])
            self._write(f"\x1b[H{shown}\x1b[J")
        else:
            self._write("".join(f"{line}\n" for line in (*lines, "")))

    def _write(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()
