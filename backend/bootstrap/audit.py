"""Wires the audit log: its signed heads, and how people are called where it leaves the house."""

from backend.db.audit_seal import AuditSeal
from backend.db.audit_store import SqlAuditLog
from backend.db.sessions import Database
from backend.service.audit_export import Name, pseudonyms
from backend.settings import Settings
from storage.signing import load_or_create_signing_keys


def make_audit_seal(database: Database, settings: Settings) -> AuditSeal:
    """Make what signs and verifies the log."""
    return AuditSeal(
        log=SqlAuditLog(database=database),
        keys_file=settings.audit_keys_file,
        anchor_file=settings.audit_anchor_file,
    )


def open_pseudonyms(settings: Settings) -> Name:
    """Open what hashes ids of people, the same in every export from this home."""
    keys = load_or_create_signing_keys(settings.pseudonyms_file)
    return pseudonyms(next(iter(keys.values())))
