"""Seals what is held for good: whoever seals has no means to open it again.

X25519 with a key made for each seal, HKDF-SHA-256, AES-256-GCM. The private key lies in a file that
its owner alone may read; workers are handed the public one.
"""

import base64
import os
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from safety.errors import QuarantineKeyUnusable, SealBroken
from safety.secret_file import write_once

_MAGIC: Final = b"impasto-seal-1\n"
_KEY_BYTES: Final = 32
_NONCE_BYTES: Final = 12
_OTHERS: Final = 0o077


def load_or_create_quarantine_key(path: Path) -> X25519PrivateKey:
    """Read the private key, or make one where there is none.

    Raises:
        QuarantineKeyUnusable: it cannot be read, is no key, or others may read it.

    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            key = X25519PrivateKey.generate().private_bytes_raw()
            write_once(path, base64.b64encode(key).decode())
        if path.stat().st_mode & _OTHERS:
            raise QuarantineKeyUnusable(f"{path.name} can be read by others than its owner")
        return X25519PrivateKey.from_private_bytes(base64.b64decode(path.read_text("ascii")))
    except (OSError, ValueError) as error:
        raise QuarantineKeyUnusable(f"{path.name} is no key that can be read") from error


def read_public_key(text: str) -> X25519PublicKey:
    """Read a public key in base64.

    Raises:
        QuarantineKeyUnusable: it is none.

    """
    try:
        return X25519PublicKey.from_public_bytes(base64.b64decode(text, validate=True))
    except ValueError as error:
        raise QuarantineKeyUnusable("the public key is none") from error


def seal(data: bytes, *, to: X25519PublicKey, about: str) -> bytes:
    """Seal bytes; they open only with the private key, and only as what they are `about`."""
    once = X25519PrivateKey.generate()
    ours = once.public_key().public_bytes_raw()
    nonce = os.urandom(_NONCE_BYTES)
    key = _key(once.exchange(to), ours)
    return _MAGIC + ours + nonce + AESGCM(key).encrypt(nonce, data, about.encode())


def unseal(sealed: bytes, *, key: X25519PrivateKey, about: str) -> bytes:
    """Open what was sealed.

    Raises:
        SealBroken: it was not sealed for this key, or about something else, or was changed.

    """
    rest = sealed.removeprefix(_MAGIC)
    if len(rest) == len(sealed) or len(rest) < _KEY_BYTES + _NONCE_BYTES:
        raise SealBroken("this was never sealed")
    theirs, nonce = rest[:_KEY_BYTES], rest[_KEY_BYTES:][:_NONCE_BYTES]
    try:
        shared = key.exchange(X25519PublicKey.from_public_bytes(theirs))
        body = rest[_KEY_BYTES + _NONCE_BYTES :]
        return AESGCM(_key(shared, theirs)).decrypt(nonce, body, about.encode())
    except (InvalidTag, ValueError) as error:
        raise SealBroken("this does not open with this key") from error


def _key(shared: bytes, salt: bytes) -> bytes:
    return HKDF(algorithm=SHA256(), length=32, salt=salt, info=b"impasto quarantine").derive(shared)
