"""The `impasto` command: starts the other processes, never imports them."""

import argparse
import sys
from collections.abc import Sequence

from backend.cli import demo, doctor, imagine, key, process, prompt, up

COMMANDS = (up, demo, imagine, process, prompt, key, doctor)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one `impasto` command and return its exit status."""
    parser = argparse.ArgumentParser(
        prog="impasto", description="A picture workshop you host yourself."
    )
    subparsers = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for command in COMMANDS:
        command.add_parser(subparsers)
    arguments = parser.parse_args(argv)
    try:
        status: int = arguments.run(arguments)
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        sys.stderr.close()
        return 1
    return status
