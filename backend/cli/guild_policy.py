"""`impasto policy set|show|history|unset`: what holds in the deployment and in its guilds."""

import argparse
import asyncio
import getpass
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar

from backend.bootstrap.policies import make_policies
from backend.bootstrap.servers import now, open_database
from backend.cli.terminal import EXIT_BAD_INPUT, Subparsers, input_file, say
from backend.db.migrate import upgrade
from backend.domain.errors import BadInput
from backend.domain.policies import PolicyRevision
from backend.service.policies import Policies
from backend.service.policy_telling import policy_as_json, policy_lines, revision_as_json
from backend.settings import Settings
from safety.grades import Circumstances
from safety.policy import Policy

T = TypeVar("T")


def add_parsers(actions: Subparsers) -> None:
    """Add the actions to `impasto policy`."""
    setting = actions.add_parser("set", help="make a document a guild's own policy")
    setting.add_argument("file", type=input_file, help="a policy document")
    setting.set_defaults(run=run_set)
    unsetting = actions.add_parser("unset", help="let the deployment's policy hold in a guild")
    unsetting.set_defaults(run=run_unset)
    for parser in (setting, unsetting):
        parser.add_argument("--by", default="", metavar="NAME", help="who decides this (you)")
    history = actions.add_parser("history", help="show all that a guild's policy was")
    showing = actions.add_parser("show", help="show which policy holds")
    for parser in (setting, unsetting, history, showing):
        is_needed = parser is not showing
        parser.add_argument("--guild", metavar="ID", required=is_needed, help="a Discord guild")
        parser.add_argument("--json", action="store_true", help="print one JSON object")
    history.set_defaults(run=run_history)
    showing.add_argument("--restricted", action="store_true", help="in channels for adults")
    showing.add_argument(
        "--role", action="append", default=[], metavar="ID", help="for who has this role"
    )
    showing.set_defaults(run=run_show)


def run_set(arguments: argparse.Namespace) -> int:
    """Set a guild's policy."""
    document = read_document(arguments.file)

    async def work(policies: Policies) -> PolicyRevision:
        return await policies.set(arguments.guild, document, author=_author(arguments))

    revision = asyncio.run(_with_policies(work))
    _say_revision(revision, arguments, f"Version {revision.version} holds from now on.")
    return 0


def run_unset(arguments: argparse.Namespace) -> int:
    """Take a guild's policy away; 2 if it has none."""

    async def work(policies: Policies) -> PolicyRevision | None:
        return await policies.unset(arguments.guild, author=_author(arguments))

    revision = asyncio.run(_with_policies(work))
    if revision is None:
        raise BadInput("This guild has no policy of its own.", way_out="See `impasto policy show`.")
    _say_revision(revision, arguments, "The deployment's policy holds from now on.")
    return 0


def run_history(arguments: argparse.Namespace) -> int:
    """Show all that a guild's policy was, oldest first."""
    revisions = asyncio.run(_with_policies(lambda policies: policies.history(arguments.guild)))
    if arguments.json:
        say(
            json.dumps(
                {"guild": arguments.guild, "versions": [revision_as_json(one) for one in revisions]}
            )
        )
        return 0
    for one in revisions:
        what = "unset" if one.document is None else "set"
        say(f"{one.version}  {one.at:%Y-%m-%d %H:%M:%S} UTC  {what} by {one.author}")
        for line in (one.document or "").strip().splitlines():
            say(f"    {line}")
    if not revisions:
        say("This guild never had a policy of its own.")
    return 0 if revisions else EXIT_BAD_INPUT


def run_show(arguments: argparse.Namespace) -> int:
    """Show the policy that holds, in a guild if one is named, and for the circumstances named."""
    there = Circumstances(is_restricted=arguments.restricted, roles=frozenset(arguments.role))

    async def work(policies: Policies) -> Policy:
        if arguments.guild is None:
            return policies.house.graded(there)
        # Also refuses what is no guild.
        await policies.history(arguments.guild)
        return await policies.in_guild(arguments.guild, there)

    policy = asyncio.run(_with_policies(work))
    if arguments.json:
        say(json.dumps(policy_as_json(policy)))
    else:
        say("\n".join(policy_lines(policy)))
    return 0


def read_document(path: Path) -> str:
    """Read a document from a file.

    Raises:
        BadInput: it cannot be read, or is no text.

    """
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise BadInput(f"{path} is no text.", way_out="Name a text file in UTF-8.") from error
    except OSError as error:
        raise BadInput(
            f"{path} cannot be read: {error.strerror}.", way_out="Name a text file in UTF-8."
        ) from error


@asynccontextmanager
async def open_policies(settings: Settings) -> AsyncIterator[Policies]:
    """Open the policies alone."""
    async with open_database(settings) as database:
        yield make_policies(database, settings, clock=now)


async def _with_policies(work: Callable[[Policies], Awaitable[T]]) -> T:
    settings = Settings()
    settings.make_home()
    await asyncio.to_thread(upgrade, settings.database)
    async with open_policies(settings) as policies:
        return await work(policies)


def _author(arguments: argparse.Namespace) -> str:
    if arguments.by:
        return str(arguments.by)
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        # A user without a name, as in a container.
        return "operator"


def _say_revision(revision: PolicyRevision, arguments: argparse.Namespace, sentence: str) -> None:
    say(json.dumps(revision_as_json(revision)) if arguments.json else sentence)
