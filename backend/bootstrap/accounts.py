"""Wires the accounts, which need no broker."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from backend.bootstrap.servers import now, open_database
from backend.db.sessions import Database
from backend.db.stores import (
    SqlBooks,
    SqlJobStore,
    SqlKeyStore,
    SqlStandingStore,
)
from backend.service.accounts import Accounts
from backend.settings import Settings


@asynccontextmanager
async def open_accounts(settings: Settings) -> AsyncIterator[Accounts]:
    """Open only the accounts, which need no broker."""
    async with open_database(settings) as database:
        yield make_accounts(database)


def make_accounts(database: Database) -> Accounts:
    """Make the accounts over an open database."""
    return Accounts(
        keys=SqlKeyStore(database=database),
        jobs=SqlJobStore(database=database),
        books=SqlBooks(database=database),
        standings=SqlStandingStore(database=database),
        clock=now,
    )
