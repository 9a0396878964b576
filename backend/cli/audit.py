"""`impasto audit verify|export`: whether the record of decisions is whole, and a way out for it."""

import argparse
import asyncio
import json
from typing import Final

from backend.bootstrap.audit import make_audit_seal, open_pseudonyms
from backend.bootstrap.servers import now, open_database
from backend.cli.home import open_home
from backend.cli.terminal import say, user_name
from backend.db.audit_store import SqlAuditLog
from backend.domain.errors import BadInput
from backend.service import looks_on_record
from backend.service.audit_export import Name, as_ecs
from backend.settings import Settings
from safety.moderation.audit import Verification

EXIT_NOT_OK: Final = 1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    verify = actions.add_parser("verify", help="look for entries removed, moved or edited")
    verify.add_argument("--json", action="store_true", help="print one JSON object")
    verify.set_defaults(run=run_verify)
    export = actions.add_parser(
        "export", help="print every entry as a line of JSON in the Elastic Common Schema"
    )
    export.add_argument("--after", type=int, default=0, help="only what came after this number")
    export.add_argument(
        "--plain-ids",
        action="store_true",
        help="name people by their ids, not by hashes of them; that you did goes on record",
    )
    export.set_defaults(run=run_export)


def run_verify(arguments: argparse.Namespace) -> int:
    """Walk along the whole log and compare it with what was signed."""
    settings = open_home()
    found = asyncio.run(_verify(settings))
    if arguments.json:
        told = {"entries": found.entries, "ok": found.ok, "first_bad": found.first_bad}
        say(json.dumps(told))
    else:
        say(_sentence(found))
    return 0 if found.ok else EXIT_NOT_OK


def run_export(arguments: argparse.Namespace) -> int:
    """Print the log, however long it is, a page in memory at a time."""
    if arguments.after < 0:
        raise BadInput("--after is 0 or more.", way_out="Leave it out to export everything.")
    settings = open_home()
    name = None if arguments.plain_ids else open_pseudonyms(settings)
    asyncio.run(_export(settings, after=arguments.after, name=name))
    return 0


async def _verify(settings: Settings) -> Verification:
    async with open_database(settings) as database:
        return await make_audit_seal(database, settings).verify()


async def _export(settings: Settings, *, after: int, name: Name | None) -> None:
    async with open_database(settings) as database:
        log = SqlAuditLog(database=database)
        if name is None:
            by = f"operator:{user_name()}"
            await log.record(looks_on_record.people_exported(by, after=after, at=now()))
        async with log.reading() as reading:
            async for chained in reading.entries(after=after):
                say(json.dumps(as_ecs(chained, name=name), separators=(",", ":")))


def _sentence(found: Verification) -> str:
    if found.ok:
        return f"{found.entries} entries, none removed, moved or edited."
    where = "" if found.first_bad is None else f" The first bad one is {found.first_bad}."
    return f"{found.entries} entries, not as they were recorded: {found.reason}.{where}"
