"""`impasto demo`: everything on one box, with an offline Discord in the browser."""

import argparse
import json
import os
import shlex
import socket
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import cast

from backend.cli.stack import NotReady, Stack, open_stack
from backend.cli.supervisor import ProcessKeepsDying, Program
from backend.cli.terminal import say
from backend.cli.up import add_families_option, narrow, start_core
from backend.cli.valkey import ValkeyMissing
from backend.settings import Settings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    parser.add_argument("--port", type=int, default=0, help="port of the page (any free one)")
    parser.add_argument("--ready-file", type=Path, help="write URLs and process ids here as JSON")
    parser.add_argument(
        "--openapi", type=Path, help="judge the bot's requests by Discord's OpenAPI document"
    )
    add_families_option(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Run the demo until Ctrl-C."""
    settings = demo_settings(narrow(Settings(), arguments))
    os.environ.update(
        IMPASTO_GATEWAY_PORT=str(settings.gateway_port), IMPASTO_PUBLIC_URL=settings.public_url
    )
    try:
        with open_stack(settings) as stack:
            say("Starting Impasto …")
            discord = start_discord(stack, arguments.port, arguments.openapi)
            first, *others = settings.families
            start_core(stack, [first])
            for family in others:
                # Three workers that load at once take two cores twice as long to the first picture.
                stack.start_worker(family)
            announce(stack, discord, arguments.ready_file)
            stack.run_until_stopped()
            say("Stopping …")
    except (NotReady, ProcessKeepsDying, ValkeyMissing) as error:
        sys.stderr.write(f"{error}\n")
        return 4
    except KeyboardInterrupt:
        return 130
    return 0


def demo_settings(settings: Settings) -> Settings:
    """Give the gateway a free port, so that a demo never collides with a running installation."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    return settings.model_copy(
        update={"gateway_port": port, "public_url": f"http://127.0.0.1:{port}"}
    )


def start_discord(stack: Stack, page_port: int, openapi: Path | None) -> Mapping[str, object]:
    """Start the offline Discord and a bot that logs in to it; return where its doors are."""
    ready_file = stack.settings.home / "run" / "devcord.json"
    ready_file.unlink(missing_ok=True)
    stack.supervisor.start(
        Program(
            name="devcord",
            argv=(
                sys.executable,
                "-m",
                "bot.devcord",
                "--port",
                "0",
                "--preview-port",
                str(page_port),
                "--ready-file",
                str(ready_file),
                *(("--openapi", str(openapi)) if openapi else ()),
            ),
            restarts=False,
        )
    )
    stack.wait_until(ready_file.exists, "The offline Discord")
    discord = cast("Mapping[str, object]", json.loads(ready_file.read_text()))
    stack.start_bot(
        IMPASTO_DISCORD_TOKEN="offline.discord.token",  # noqa: S106 - the offline Discord takes any
        IMPASTO_DISCORD_API_BASE=str(discord["api_base"]),
        IMPASTO_DISCORD_GATEWAY=str(discord["gateway"]),
        IMPASTO_MODERATOR_ROLE_IDS=str(discord["moderator_role_id"]),
        # Every offline Discord begins empty, so what an earlier demo registered does not count.
        IMPASTO_DISCORD_SYNC="always",
    )
    return discord


def announce(stack: Stack, discord: Mapping[str, object], ready_file: Path | None) -> None:
    """Print the page's URL and the other doors; write all to `ready_file` for programs."""
    settings = stack.settings
    home = shlex.quote(str(settings.home))
    say(
        f"\n  Open {discord['page_url']}\n\n  Type /imagine there. Ctrl-C stops everything.\n\n"
        f"  REST: {settings.public_url}  (for a key: IMPASTO_HOME={home} impasto key create NAME)\n"
        f"  Logs: {settings.home / 'logs'}\n"
    )
    if ready_file is not None:
        doors = {
            **discord,
            "gateway_url": stack.settings.public_url,
            "process_ids": stack.supervisor.process_ids(),
            "at": time.time(),
        }
        temporary = ready_file.with_suffix(".tmp")
        # For its owner alone: the page's address is a credential.
        temporary.touch(mode=0o600)
        temporary.write_text(json.dumps(doors))
        temporary.replace(ready_file)
