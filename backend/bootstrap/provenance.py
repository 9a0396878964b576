"""Wires what tells where pictures are from."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from backend.db.sessions import Database
from backend.db.stores import SqlPictureStore
from backend.delivery.examiner import FileExaminer
from backend.limits.memory_limiter import MemoryLimiter
from backend.service.likenesses import Likenesses
from backend.service.provenance import ProvenanceChecks
from backend.settings import Settings
from safety.errors import CredentialsInvalid
from safety.provenance.certificates import CredentialFiles
from safety.provenance.keeping import (
    load_or_create_watermark_key,
    open_credentials,
    own_credentials,
)
from safety.provenance.watermark import Watermark
from safety.provenance.watermarks import open_watermark

# Looking for a watermark takes a second or so of a core.
_BURST = 10
_PER_MINUTE = 10


def make_provenance(
    settings: Settings, database: Database | None, likenesses: Likenesses | None
) -> ProvenanceChecks:
    """Make the use case over the installation's own keys and, where there is one, its registry."""
    return ProvenanceChecks(
        examiner=FileExaminer(
            open_watermark=partial(_open_watermark, settings.provenance_folder),
            anchors=partial(_anchors, settings),
            open_signature=partial(_open_signature, settings.signature)
            if settings.signature
            else None,
        ),
        pictures=None if database is None else SqlPictureStore(database=database),
        likenesses=likenesses,
        limiter=MemoryLimiter(burst=_BURST, per_minute=_PER_MINUTE, clock=time.monotonic),
    )


def make_likenesses(database: Database) -> Likenesses:
    """Make the index over all delivered pictures: one a process, for all who look in it."""
    return Likenesses(pictures=SqlPictureStore(database=database))


@asynccontextmanager
async def open_provenance(settings: Settings) -> AsyncIterator[ProvenanceChecks]:
    """Open the use case alone: with the registry, where there is a database."""
    if not settings.has_database:
        yield make_provenance(settings, None, None)
        return
    database = Database(settings.database)
    try:
        yield make_provenance(settings, database, make_likenesses(database))
    finally:
        await database.close()


def open_signing_credentials(settings: Settings, *, now: datetime) -> CredentialFiles:
    """Open what manifests are signed with; where nothing is set, make a chain of our own."""
    return open_credentials(
        settings.provenance_folder, chain=settings.c2pa_chain, key=settings.c2pa_key, now=now
    )


def _open_watermark(folder: Path) -> Watermark:
    return open_watermark("spread", key=load_or_create_watermark_key(folder))


def _open_signature(folder: Path) -> Watermark:
    return open_watermark("stable_signature", key=b"", folder=folder)


def _anchors(settings: Settings) -> list[str]:
    """Return the roots of the chain that signs now and of that of our own, which signed before."""
    chosen = open_signing_credentials(settings, now=datetime.now(UTC))
    anchors = []
    for credentials in (chosen, own_credentials(settings.provenance_folder)):
        with suppress(CredentialsInvalid):
            anchors.append(credentials.current().anchors_pem)
    return list(dict.fromkeys(anchors))
