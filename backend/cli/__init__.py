"""The `impasto` command: starts the other processes, never imports them."""

import importlib.metadata
import sys
from collections.abc import Sequence
from io import TextIOWrapper

from pydantic import ValidationError
from redis.exceptions import RedisError

from backend.cli import (
    audit,
    bias,
    demo,
    doctor,
    drill,
    imagine,
    key,
    models,
    policy,
    process,
    prompt,
    queue_view,
    reports,
    reviews,
    simulate,
    storage,
    up,
    verify,
)
from backend.cli.extras import NotInstalled
from backend.cli.stack import NotReady
from backend.cli.supervisor import ProcessKeepsDying
from backend.cli.terminal import (
    EXIT_BAD_INPUT,
    EXIT_BLOCKED,
    EXIT_FAILED,
    BadUsage,
    Parser,
    refuse,
)
from backend.cli.valkey import ValkeyMissing
from backend.domain.errors import BadInput, ImpastoError, Refused, Unavailable
from backend.settings import setting_problems
from safety.errors import MarkImpossible

COMMANDS = (
    up,
    demo,
    imagine,
    process,
    prompt,
    policy,
    audit,
    reports,
    reviews,
    queue_view,
    key,
    models,
    verify,
    storage,
    bias,
    simulate,
    drill,
    doctor,
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one `impasto` command and return its exit status."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            # A terminal of few characters sees question marks, not a traceback.
            stream.reconfigure(errors="replace")
    words = list(sys.argv[1:] if argv is None else argv)
    try:
        parser = make_parser()
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
        status, code, message = explain(error)
        refuse(code, message, as_json="--json" in words)
    return status


def make_parser() -> Parser:
    """Make the parser of all commands."""
    parser = Parser(prog="impasto", description="A picture workshop you host yourself.")
    version = importlib.metadata.version("impasto")
    parser.add_argument("--version", action="version", version=f"impasto {version}")
    subparsers = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for command in COMMANDS:
        command.add_parser(subparsers)
    return parser


def explain(error: Exception) -> tuple[int, str, str]:
    """Return exit status, code and sentence of what ended a command; raise what is a bug."""
    match error:
        case BadUsage():
            return EXIT_BAD_INPUT, "bad_input", str(error)
        case ValidationError(title="Settings"):
            problems = setting_problems(error)
            sentences = [f"{name} cannot be used: {problem}." for name, problem in problems]
            return EXIT_BAD_INPUT, "bad_setting", " ".join(sentences)
        case Unavailable(__cause__=MarkImpossible() as why):
            # Whose own installation it is may know what others are not told.
            return EXIT_FAILED, error.code, f"{why}."
        case ImpastoError():
            message = f"{error.message} {error.way_out}".strip()
            if isinstance(error, BadInput) and error.caret:
                message = f"{message}\n{error.caret}"
            return _status_of(error), error.code, message
        case NotInstalled() | NotReady() | ProcessKeepsDying() | ValkeyMissing():
            return EXIT_FAILED, "unavailable", str(error)
        case RedisError():
            return EXIT_FAILED, "unavailable", "The Valkey server does not answer any more."
        case OSError():
            place = f"{error.filename}: " if error.filename else ""
            return EXIT_FAILED, "unavailable", f"{place}{error.strerror or error}."
        case _:
            raise error


def _status_of(error: ImpastoError) -> int:
    match error:
        case Unavailable():
            return EXIT_FAILED
        case Refused():
            return EXIT_BLOCKED
        case _:
            return EXIT_BAD_INPUT
