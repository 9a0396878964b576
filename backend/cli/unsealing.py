"""Breaks the glass: opens one sealed picture into a file, for a report to the authorities.

Nothing else in this house opens a seal, and nothing that answers over the network can import this.
"""

import asyncio
import os
from dataclasses import dataclass
from pathlib import Path

from backend.domain.child_safety import SafetyReport
from backend.domain.errors import BadInput, Unavailable
from backend.service.safety_reports import SafetyReports
from safety.errors import SafetyError
from safety.moderation.quarantine import load_or_create_quarantine_key, unseal
from storage.errors import ObjectNotFound, StorageError
from storage.sealed import SealedObjects

_OWNER_ALONE = 0o600


@dataclass(frozen=True, kw_only=True)
class Unsealing:
    """Which of a finding's pictures is opened, with which key, into which new file, and why."""

    report_id: str
    picture: int
    key_file: Path
    target: Path
    by: str
    reason: str


async def break_glass(wish: Unsealing, reports: SafetyReports, sealed: SealedObjects) -> str:
    """Open a sealed picture; that goes on record first. Return the key it lay under.

    Raises:
        BadInput: there is no such picture, no reason, no key, or the file is there already.
        Unavailable: the log cannot be written, or the store does not answer.

    """
    if wish.target.exists():
        raise BadInput(f"{wish.target.name} is there already.", way_out="Name a new file.")
    if not wish.key_file.is_file():
        raise BadInput(
            "The private key is not here.", way_out="Name it: --key FILE, or run this where it is."
        )
    report = await reports.get(wish.report_id, by=wish.by)
    key = _key_of(report, wish.picture)
    await reports.break_glass(report.id, key, by=wish.by, reason=wish.reason)
    await asyncio.to_thread(_open, wish, sealed, key)
    return key


async def forget(sealed: SealedObjects, key: str) -> None:
    """Remove a sealed picture for good.

    Raises:
        Unavailable: the store does not answer.

    """
    try:
        await asyncio.to_thread(sealed.forget, key)
    except StorageError as error:
        raise Unavailable from error


def _key_of(report: SafetyReport, picture: int) -> str:
    if not 0 <= picture < len(report.evidence):
        raise BadInput(
            f"Of {report.id}, {len(report.evidence)} pictures are sealed.",
            way_out="Nothing is kept of uploads, of words, and where IMPASTO_QUARANTINE is drop;"
            " else choose with --picture, from 0.",
        )
    return report.evidence[picture]


def _open(wish: Unsealing, sealed: SealedObjects, key: str) -> None:
    try:
        private = load_or_create_quarantine_key(wish.key_file)
        data = unseal(sealed.read(key), key=private, about=key)
    except SafetyError as error:
        raise BadInput(f"It does not open: {error}.", way_out="Name the key of then.") from error
    except ObjectNotFound as error:
        raise BadInput("It is not there any more.", way_out="Look in the store.") from error
    except StorageError as error:
        raise Unavailable from error
    _write(wish.target, data)


def _write(target: Path, data: bytes) -> None:
    """Write a new file, for its owner alone from its first byte on."""
    try:
        descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _OWNER_ALONE)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
    except OSError as error:
        raise BadInput(
            f"{target.name} cannot be written.", way_out="Name a new file in a folder of yours."
        ) from error
