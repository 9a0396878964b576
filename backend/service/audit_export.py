"""The audit log for other systems: one document of the Elastic Common Schema an entry."""

import hashlib
import hmac
from collections.abc import Callable
from datetime import UTC
from typing import Any, Final

from safety.moderation.audit import AuditEntry, ChainedEntry

ECS_VERSION: Final = "8.17.0"

# Ids of people, as surfaces make them; the house and its operator are nobody's data.
_PEOPLE: Final = ("discord:", "api:", "rest:", "command_line:", "account:")
_CATEGORIES: Final = {
    "key": ["iam"],
    "account": ["iam"],
    "strike": ["iam"],
    "policy": ["configuration"],
    "model": ["configuration"],
    "picture": ["file"],
    "upload": ["file"],
    "cards": ["configuration"],
}
# What the schema expects of each; whatever else was decided is `info`.
_EXPECTED: Final = {
    "iam": {"change", "creation", "deletion"},
    "configuration": {"access", "change", "creation", "deletion"},
    "file": {"access", "change", "creation", "deletion"},
    "web": {"access"},
}
# Verdicts: of all categories these are at home in this one alone.
_VERDICTS: Final = ("allowed", "denied")
_TYPES: Final = {
    "allow": ["allowed"],
    "spoiler": ["allowed"],
    "released": ["allowed"],
    "block": ["denied"],
    "review": ["denied"],
    "kept": ["denied"],
    "refused": ["denied"],
    "seen": ["access"],
    "made": ["creation"],
    "added": ["creation"],
    "revoked": ["deletion"],
    "removed": ["deletion"],
    "changed": ["change"],
}

Name = Callable[[str], str]


def pseudonyms(secret: bytes) -> Name:
    """Return what turns an id of somebody into a hash that only holders of the secret can link."""

    def name(person: str) -> str:
        return hmac.digest(secret, person.encode(), hashlib.sha256).hex()[:32]

    return name


def as_ecs(chained: ChainedEntry, *, name: Name | None = None) -> dict[str, Any]:
    """Return an entry as a document; with `name`, ids of people are hashed wherever they stand."""
    entry = chained.entry
    hashed = {key: _hidden(value, name) for key, value in entry.detail.items()}
    return {
        "@timestamp": entry.at.astimezone(UTC).isoformat(timespec="microseconds")
        if entry.at
        else None,
        "ecs": {"version": ECS_VERSION},
        "event": {
            "kind": "event",
            "module": "impasto",
            "dataset": "impasto.audit",
            **_kind_of(entry),
            "action": entry.action,
            # In the schema's words it says whether the doing succeeded; an entry stands for one
            # that did. What was decided is below.
            "outcome": "success",
            "sequence": chained.number,
            "id": chained.hash,
        },
        "user": {"id": _hidden(entry.actor, name)},
        "impasto": {
            "subject": _subject(entry, name),
            "outcome": entry.outcome,
            "detail": hashed,
        },
    }


def _kind_of(entry: AuditEntry) -> dict[str, list[str]]:
    """Return category and type of an entry, which the schema has go together."""
    (kind,) = _TYPES.get(entry.outcome, ["info"])
    if kind in _VERDICTS:
        return {"category": ["intrusion_detection"], "type": [kind]}
    (category,) = _CATEGORIES.get(entry.action.partition(".")[0], ["web"])
    return {"category": [category], "type": [kind if kind in _EXPECTED[category] else "info"]}


def _subject(entry: AuditEntry, name: Name | None) -> str:
    kind, colon, person = entry.subject.partition(":")
    if name is None or kind != "account":
        return entry.subject
    return f"{kind}{colon}{name(person)}"


def _hidden(value: str, name: Name | None) -> str:
    return name(value) if name is not None and value.startswith(_PEOPLE) else value
