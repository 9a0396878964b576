"""The Ed25519 keys that sign heads of the audit log: made at first start, replaced by appending.

The key file is a JSON object of key id to `private:<hex>` or `public:<hex>`. The last private key
signs; all of them verify. A key that was replaced may be cut down to its public half, but must stay
as long as heads that it signed are kept.
"""

import json
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from safety.errors import AuditKeysUnusable
from safety.moderation.audit import Head
from safety.secret_file import write_once

_PRIVATE: Final = "private:"
_PUBLIC: Final = "public:"


@dataclass(frozen=True, kw_only=True)
class AuditKeys:
    """Keys by id: all that verify, and the one that signs."""

    public: dict[str, Ed25519PublicKey]
    signing: tuple[str, Ed25519PrivateKey] | None = None

    def sign(self, *, entries: int, last_hash: str, at: datetime) -> Head:
        """Return a signed head.

        Raises:
            AuditKeysUnusable: there is no private key among them.

        """
        if self.signing is None:
            raise AuditKeysUnusable("there is no private key to sign the audit log with")
        key_id, private = self.signing
        head = Head(entries=entries, hash=last_hash, at=at, key_id=key_id)
        return replace(head, signature=private.sign(head.message()).hex())

    def is_genuine(self, head: Head) -> bool:
        """Say whether one of these keys signed a head as it stands."""
        public = self.public.get(head.key_id)
        if public is None:
            return False
        try:
            public.verify(bytes.fromhex(head.signature), head.message())
        except (InvalidSignature, ValueError, TypeError):
            return False
        return True

    def sort(self, heads: Iterable[Head]) -> tuple[list[Head], list[Head]]:
        """Part heads into genuine ones and others."""
        genuine: list[Head] = []
        others: list[Head] = []
        for head in heads:
            (genuine if self.is_genuine(head) else others).append(head)
        return genuine, others


def load_or_create_audit_keys(path: Path) -> AuditKeys:
    """Read the key file; make a first key, for its owner's eyes alone, where there is none.

    Processes that start together all end up with the same key.

    Raises:
        AuditKeysUnusable: the file cannot be read or written, or holds something else.

    """
    try:
        if not path.exists():
            _create(path)
    except OSError as error:
        raise AuditKeysUnusable(f"cannot make {path}: {error.strerror}") from error
    return load_audit_keys(path)


def load_audit_keys(path: Path) -> AuditKeys:
    """Read the key file.

    Raises:
        AuditKeysUnusable: it cannot be read, or holds something else.

    """
    try:
        return _parse(json.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise AuditKeysUnusable(f"cannot read {path}: {error.strerror}") from error
    except (ValueError, AttributeError, TypeError) as error:
        raise AuditKeysUnusable(f"{path} holds no audit keys") from error


def _parse(document: dict[str, str]) -> AuditKeys:
    public: dict[str, Ed25519PublicKey] = {}
    signing: tuple[str, Ed25519PrivateKey] | None = None
    for key_id, text in document.items():
        if text.startswith(_PRIVATE):
            secret = bytes.fromhex(text.removeprefix(_PRIVATE))
            private = Ed25519PrivateKey.from_private_bytes(secret)
            signing = (key_id, private)
            public[key_id] = private.public_key()
        elif text.startswith(_PUBLIC):
            known = bytes.fromhex(text.removeprefix(_PUBLIC))
            public[key_id] = Ed25519PublicKey.from_public_bytes(known)
        else:
            raise ValueError(f"key {key_id} is neither private nor public")
    if not public:
        raise ValueError("no key")
    return AuditKeys(public=public, signing=signing)


def _create(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    secret = Ed25519PrivateKey.generate().private_bytes_raw().hex()
    write_once(path, json.dumps({secrets.token_hex(4): _PRIVATE + secret}))
