"""Wires the audit log: its signed heads, what is in force, and people's names outside the house."""

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict
from pathlib import Path

import structlog

from backend.db.audit_seal import AuditSeal
from backend.db.audit_store import SqlAuditLog
from backend.db.sessions import Database
from backend.service.audit_export import Name, pseudonyms
from backend.service.in_force import InForce
from backend.service.ports import Clock
from backend.settings import Settings
from storage.signing import load_or_create_signing_keys

_log = structlog.get_logger(__name__)


def make_audit_seal(database: Database, settings: Settings) -> AuditSeal:
    """Make what signs and verifies the log."""
    return AuditSeal(
        log=SqlAuditLog(database=database),
        keys_file=settings.audit_keys_file,
        anchor_file=settings.audit_anchor_file,
    )


@asynccontextmanager
async def policy_told(
    database: Database, settings: Settings, *, clock: Clock
) -> AsyncIterator[None]:
    """Put on record which policy is the house's, while in the block: no start waits for it."""
    telling = asyncio.create_task(_tell_policy(database, settings, clock=clock))
    try:
        yield
    finally:
        telling.cancel()
        (outcome,) = await asyncio.gather(telling, return_exceptions=True)
        if isinstance(outcome, Exception):
            _log.error("policy_not_told", exc_info=outcome)


async def _tell_policy(database: Database, settings: Settings, *, clock: Clock) -> None:
    policy = settings.safety_policy
    said = json.dumps(asdict(policy), sort_keys=True, default=sorted)
    digest = hashlib.sha256(said.encode()).hexdigest()
    in_force = InForce(audit=SqlAuditLog(database=database), clock=clock)
    await in_force.tell_policy(policy.id, digest=digest)


async def tell_models_in_force(database: Database, settings: Settings, *, clock: Clock) -> None:
    """Put on record what each family is drawn with, where that has changed."""
    sources = {family: settings.model_source(family) for family in settings.families}
    in_force = InForce(audit=SqlAuditLog(database=database), clock=clock)
    await in_force.tell_models({f: _shown(source) for f, source in sources.items()})


def _shown(source: str | None) -> str:
    """Return a model's name; of a folder its last part, the rest is the host's own affair."""
    if source is None:
        return "starter"
    return Path(source).name if Path(source).is_absolute() else source


def open_pseudonyms(settings: Settings) -> Name:
    """Open what hashes ids of people, the same in every export from this home."""
    keys = load_or_create_signing_keys(settings.pseudonyms_file)
    return pseudonyms(next(iter(keys.values())))
