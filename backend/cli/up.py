"""`impasto up`: every process of one box, with a real Discord token."""

import argparse
import sys
from collections.abc import Sequence
from functools import partial
from math import inf

from backend.cli.extras import must_be_installed
from backend.cli.stack import NotReady, Stack, open_stack
from backend.cli.supervisor import ProcessKeepsDying
from backend.cli.terminal import say
from backend.cli.valkey import ValkeyMissing
from backend.domain.families import ModelFamily
from backend.settings import Settings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    add_families_option(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Run everything until Ctrl-C."""
    settings = narrow(Settings(), arguments)
    must_be_installed("worker")
    if settings.discord_token is not None:
        must_be_installed("bot")
    try:
        with open_stack(settings) as stack:
            start_core(stack, settings.families)
            if settings.discord_token is None:
                say("No IMPASTO_DISCORD_TOKEN is set: running without the Discord bot.")
            else:
                stack.start_bot()
            say(f"Impasto is up. REST: {settings.public_url}  State: {stack.settings.home}")
            stack.run_until_stopped()
    except (NotReady, ProcessKeepsDying, ValkeyMissing) as error:
        sys.stderr.write(f"{error}\n")
        return 4
    return 0


def add_families_option(parser: argparse.ArgumentParser) -> None:
    """Let a command line choose what is served."""
    parser.add_argument(
        "--families",
        type=_families,
        metavar="sdxl,…",
        help="families to run workers for (IMPASTO_FAMILIES, else all that have a model)",
    )


def narrow(settings: Settings, arguments: argparse.Namespace) -> Settings:
    """Serve the families that the command line names, if it names some."""
    if arguments.families is None:
        return settings
    return settings.model_copy(update={"families": arguments.families})


def _families(text: str) -> tuple[ModelFamily, ...]:
    words = [word.strip() for word in text.split(",")]
    try:
        return tuple(dict.fromkeys(ModelFamily(word) for word in words))
    except ValueError:
        names = ", ".join(family.value for family in ModelFamily)
        message = f"one or more of {names}, separated by commas"
        raise argparse.ArgumentTypeError(message) from None


def start_core(stack: Stack, families: Sequence[ModelFamily]) -> None:
    """Start dispatcher, gateway and a worker for each of the families, and wait for the workers."""
    stack.start_dispatcher()
    stack.start_gateway()
    for family in families:
        stack.start_worker(family)
    for family in families:
        # Loading, or fetching from a hub, takes as long as it takes; a worker that dies is noticed.
        has_worker = partial(stack.has_worker, family)
        stack.wait_until(has_worker, f"The {family} worker", timeout_s=inf)
