"""`impasto key create|list|revoke`: API keys."""

import argparse
import asyncio
import json
from typing import Any, Final

from backend.bootstrap.accounts import open_accounts
from backend.cli.home import open_home
from backend.cli.terminal import say
from backend.db.migrate import upgrade
from backend.domain.accounts import ApiKey
from backend.domain.errors import BadInput
from backend.settings import Settings

NAME_MAX_CHARACTERS: Final = 64


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    create = actions.add_parser("create", help="make a key and show its secret once")
    create.add_argument("name", help="the account the key speaks for")
    create.add_argument(
        "--moderator", action="store_true", help="whoever holds it may do what moderators do"
    )
    create.add_argument("--json", action="store_true", help="print one JSON object")
    create.set_defaults(run=run_create)
    listing = actions.add_parser("list", help="list the keys that work, oldest first")
    listing.add_argument("--all", action="store_true", help="list those that were revoked too")
    listing.add_argument("--json", action="store_true", help="print one JSON array")
    listing.set_defaults(run=run_list)
    revoke = actions.add_parser("revoke", help="revoke a key by its id")
    revoke.add_argument("id", help="its id (key_…), which `impasto key list` shows")
    revoke.set_defaults(run=run_revoke)


def run_create(arguments: argparse.Namespace) -> int:
    """Make a key and show its secret."""
    settings = Settings()
    name = arguments.name.strip()
    if not name.isprintable() or not 0 < len(name) <= NAME_MAX_CHARACTERS:
        raise BadInput(
            f"A key's name has 1 to {NAME_MAX_CHARACTERS} printable characters.",
            way_out="Say whom the key speaks for: `impasto key create website`.",
        )
    settings.make_home()
    upgrade(settings.database)
    key, secret = asyncio.run(_create(settings, name, is_moderator=arguments.moderator))
    if arguments.json:
        say(json.dumps({**_facts(key), "secret": secret}))
        return 0
    say(secret)
    say(f"id {key.id}; this is the only time the secret is shown.")
    return 0


def run_list(arguments: argparse.Namespace) -> int:
    """List keys; their secrets are known to nobody but who has them."""
    keys = asyncio.run(_list(open_home()))
    shown = [key for key in keys if arguments.all or key.revoked_at is None]
    if arguments.json:
        say(json.dumps([_facts(key) for key in shown]))
        return 0
    for key in shown:
        notes = ["moderator"] if key.is_moderator else []
        notes += [f"revoked {key.revoked_at:%Y-%m-%d}"] if key.revoked_at else []
        said = f"  ({', '.join(notes)})" if notes else ""
        say(f"{key.id}  {key.created_at:%Y-%m-%d}  {key.name}{said}")
    if not shown:
        say("There is none. Make one with `impasto key create NAME`.")
    return 0


def run_revoke(arguments: argparse.Namespace) -> int:
    """Revoke a key."""
    settings = open_home()
    is_revoked = asyncio.run(_revoke(settings, arguments.id))
    if not is_revoked:
        raise BadInput(
            "There is no such key.",
            way_out="Give its id (key_…), which `impasto key list` shows, not the secret.",
        )
    say("Revoked.")
    return 0


def _facts(key: ApiKey) -> dict[str, Any]:
    return {
        "id": key.id,
        "name": key.name,
        "account": key.account_id,
        "is_moderator": key.is_moderator,
        "created_at": key.created_at.isoformat(),
        "revoked_at": None if key.revoked_at is None else key.revoked_at.isoformat(),
    }


async def _create(settings: Settings, name: str, *, is_moderator: bool) -> tuple[ApiKey, str]:
    async with open_accounts(settings) as accounts:
        return await accounts.create_key(name, is_moderator=is_moderator)


async def _list(settings: Settings) -> list[ApiKey]:
    async with open_accounts(settings) as accounts:
        return await accounts.keys()


async def _revoke(settings: Settings, key_id: str) -> bool:
    async with open_accounts(settings) as accounts:
        return await accounts.revoke_key(key_id)
