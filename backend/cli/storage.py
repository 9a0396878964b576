"""`impasto storage lifecycle`: when pictures become warm and cold, shown and applied."""

import argparse
import json

from backend.bootstrap.tiers import Applied, apply_lifecycle, lifecycle_document
from backend.cli.stack import NotReady
from backend.cli.terminal import say
from backend.settings import Settings
from storage.errors import StorageError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    lifecycle = actions.add_parser("lifecycle", help="when pictures become warm and cold")
    what = lifecycle.add_mutually_exclusive_group(required=True)
    what.add_argument("--print", action="store_true", help="print it as a bucket's rules")
    what.add_argument(
        "--apply", action="store_true", help="give the bucket its rules, or move local pictures"
    )
    lifecycle.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print the policy, or apply it."""
    settings = Settings()
    if arguments.print:
        say(json.dumps(lifecycle_document(settings), indent=2))
        return 0
    settings.make_home()
    try:
        applied = apply_lifecycle(settings)
    except StorageError as error:
        raise NotReady(f"The store cannot do that ({error}).") from error
    say(_sentence(settings, applied))
    return 0


def _sentence(settings: Settings, applied: Applied) -> str:
    if settings.s3_bucket is not None:
        change = "has new rules" if applied.has_changed else "had these rules already"
        return f"The bucket {settings.s3_bucket} {change}."
    if not applied.moved:
        return "Every file is where it belongs."
    return ", ".join(f"{count} files are {tier} now" for tier, count in applied.moved.items()) + "."
