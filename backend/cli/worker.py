"""`impasto worker`: one process that draws, in the foreground."""

import argparse

from backend.cli.process import run
from backend.domain.families import ModelFamily


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    parser.add_argument(
        "--family",
        required=True,
        choices=[family.value for family in ModelFamily],
        help="which family it draws",
    )
    parser.set_defaults(run=run)
