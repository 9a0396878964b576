"""`impasto key create|revoke`: API keys."""

import argparse
import asyncio
from typing import Final

from backend.bootstrap import open_accounts
from backend.cli.home import open_home
from backend.cli.terminal import Subparsers, say
from backend.db.migrate import upgrade
from backend.domain.errors import BadInput
from backend.settings import Settings

NAME_MAX_CHARACTERS: Final = 64


def add_parser(subparsers: Subparsers) -> None:
    """Add the command."""
    parser = subparsers.add_parser("key", help="make and revoke API keys")
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    create = actions.add_parser("create", help="make a key and show its secret once")
    create.add_argument("name", help="the account the key speaks for")
    create.add_argument(
        "--moderator", action="store_true", help="whoever holds it may do what moderators do"
    )
    create.set_defaults(run=run_create)
    revoke = actions.add_parser("revoke", help="revoke a key by its id")
    revoke.add_argument("id", help="its id (key_…), which was shown with its secret")
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
    secret, key_id = asyncio.run(_create(settings, name, is_moderator=arguments.moderator))
    say(secret)
    say(f"id {key_id}; this is the only time the secret is shown.")
    return 0


def run_revoke(arguments: argparse.Namespace) -> int:
    """Revoke a key."""
    settings = open_home()
    is_revoked = asyncio.run(_revoke(settings, arguments.id))
    if not is_revoked:
        raise BadInput(
            "There is no such key.",
            way_out="Give its id (key_…), which was shown with its secret, not the secret.",
        )
    say("Revoked.")
    return 0


async def _create(settings: Settings, name: str, *, is_moderator: bool) -> tuple[str, str]:
    async with open_accounts(settings) as accounts:
        key, secret = await accounts.create_key(name, is_moderator=is_moderator)
        return secret, key.id


async def _revoke(settings: Settings, key_id: str) -> bool:
    async with open_accounts(settings) as accounts:
        return await accounts.revoke_key(key_id)
