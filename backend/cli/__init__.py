"""The `impasto` command: starts the other processes, never imports them."""

import importlib.metadata
import sys
from collections.abc import Sequence
from io import TextIOWrapper

from backend.cli.commands import COMMANDS
from backend.cli.terminal import EXIT_BAD_INPUT, Parser, refuse


def main(argv: Sequence[str] | None = None) -> int:
    """Run one `impasto` command and return its exit status."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            # A terminal of few characters sees question marks, not a traceback.
            stream.reconfigure(errors="replace")
    words = list(sys.argv[1:] if argv is None else argv)
    try:
        parser = make_parser(words)
        if not words:
            sys.stderr.write(parser.format_help())
            return EXIT_BAD_INPUT
        arguments = parser.parse_args(words)
        status: int = arguments.run(arguments)
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        sys.stderr.close()
        return 1
    except Exception as error:  # noqa: BLE001 - the edge of a command: what nobody knows is raised
        # To know all that can end a command takes most imports that there are.
        from backend.cli.endings import explain

        status, code, message = explain(error)
        refuse(code, message, as_json="--json" in words)
    return status


def make_parser(words: Sequence[str]) -> Parser:
    """Make the parser of these words: it knows all commands, and what the one asked for takes."""
    parser = Parser(prog="impasto", description="A picture workshop you host yourself.")
    version = importlib.metadata.version("impasto")
    parser.add_argument("--version", action="version", version=f"impasto {version}")
    subparsers = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    asked_for = next((word for word in words if not word.startswith("-")), None)
    for command in COMMANDS:
        own = subparsers.add_parser(command.name, help=command.summary)
        if command.name == asked_for:
            command.add_arguments(own)
    return parser
