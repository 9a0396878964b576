"""`impasto up`: every process of one box, with a real Discord token."""

import argparse
import sys
from functools import partial
from math import inf

from backend.cli.extras import must_be_installed
from backend.cli.stack import NotReady, Stack, open_stack
from backend.cli.supervisor import ProcessKeepsDying
from backend.cli.terminal import Subparsers, say
from backend.cli.valkey import ValkeyMissing
from backend.settings import Settings


def add_parser(subparsers: Subparsers) -> None:
    """Add the command."""
    parser = subparsers.add_parser("up", help="run bot, gateway, dispatcher and workers")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Run everything until Ctrl-C."""
    settings = Settings()
    must_be_installed("worker")
    if settings.discord_token is not None:
        must_be_installed("bot")
    try:
        with open_stack(settings) as stack:
            start_core(stack)
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


def start_core(stack: Stack) -> None:
    """Start dispatcher, gateway and a worker per configured family, and wait for the workers."""
    stack.start_dispatcher()
    stack.start_gateway()
    for family in stack.settings.families:
        stack.start_worker(family)
    for family in stack.settings.families:
        # Loading, or fetching from a hub, takes as long as it takes; a worker that dies is noticed.
        has_worker = partial(stack.has_worker, family)
        stack.wait_until(has_worker, f"The {family} worker", timeout_s=inf)
