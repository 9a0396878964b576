"""What manifests are signed with: a chain of certificates, leaf first, and the leaf's key.

Where nobody brings one, a chain of our own is made once: a root that signs nothing but a leaf, and
the leaf. Files are read again when they change, so a renewed chain needs no restart.
"""

import contextlib
import os
import secrets
import shutil
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from safety.errors import CredentialsInvalid

CHAIN_FILE: Final = "chain.pem"
KEY_FILE: Final = "key.pem"
ROOT_KEY_FILE: Final = "root-key.pem"
# Manifests without a time stamp are good no longer than the leaf.
_LEAF_LASTS: Final = timedelta(days=10 * 365)
_ROOT_LASTS: Final = timedelta(days=20 * 365)
_CLOCKS_DIFFER_BY: Final = timedelta(days=1)
# From then on an operator is told to renew.
RENEW_BEFORE: Final = timedelta(days=30)


@dataclass(frozen=True, kw_only=True)
class Credentials:
    """A chain with its key; `anchors_pem` are the chain's authorities, by which readers trust."""

    chain_pem: str
    key_pem: str = field(repr=False)
    anchors_pem: str
    issuer: str
    begins_at: datetime
    expires_at: datetime

    def must_be_good(self, now: datetime) -> None:
        """Refuse credentials that are not good now.

        Raises:
            CredentialsInvalid: they have expired, or are not good yet.

        """
        if now >= self.expires_at:
            raise CredentialsInvalid("expired", "the signing certificate has expired")
        if now < self.begins_at:
            raise CredentialsInvalid("not_yet", "the signing certificate is not good yet")


class CredentialFiles:
    """Credentials in two files, read anew whenever either has changed."""

    def __init__(self, *, chain: Path, key: Path) -> None:
        self._paths = (chain, key)
        self._read: tuple[tuple[int, ...], Credentials] | None = None

    def current(self) -> Credentials:
        """Return what the files hold now.

        Raises:
            CredentialsInvalid: one is missing or holds something else, or the key is another's.

        """
        try:
            state = tuple(part for path in self._paths for part in _state_of(path))
            if self._read is None or self._read[0] != state:
                chain, key = (path.read_bytes() for path in self._paths)
                self._read = (state, _parse(chain, key))
        except OSError as error:
            raise CredentialsInvalid(
                "missing", f"{error.filename} cannot be read: {error.strerror}"
            ) from error
        return self._read[1]


def make_own(folder: Path, *, now: datetime, name: str = "Impasto") -> CredentialFiles:
    """Return the chain of our own in `folder`, made now if there is none.

    Processes that start together end up with one; a folder that lacks a file is left as it is, and
    one that cannot be written has none, which whoever signs is told.
    """
    with contextlib.suppress(OSError):
        if not folder.exists():
            _create(folder, now, name)
    return CredentialFiles(chain=folder / CHAIN_FILE, key=folder / KEY_FILE)


def _state_of(path: Path) -> tuple[int, int, int]:
    found = path.stat()
    return found.st_ino, found.st_mtime_ns, found.st_size


def _create(folder: Path, now: datetime, name: str) -> None:
    """Fill a folder beside `folder`, then move it into place; whoever comes second yields."""
    folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = folder.with_name(f".{folder.name}.{secrets.token_hex(8)}")
    draft.mkdir(mode=0o700)
    try:
        for file_name, text in _make_chain(now, name).items():
            descriptor = os.open(draft / file_name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
        try:
            draft.rename(folder)
        except OSError:
            if not folder.exists():
                raise
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _make_chain(now: datetime, name: str) -> dict[str, bytes]:
    root_key, leaf_key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    root_name, leaf_name = _named(name, "root"), _named(name, "content credentials")
    begins_at = now - _CLOCKS_DIFFER_BY
    root_id = x509.SubjectKeyIdentifier.from_public_key(root_key.public_key())
    root = (
        _drafted(root_name, root_name, root_key.public_key(), begins_at, _ROOT_LASTS)
        .add_extension(x509.BasicConstraints(ca=True, path_length=1), critical=True)
        .add_extension(_usage(signs=False), critical=True)
        .add_extension(root_id, critical=False)
        .sign(root_key, hashes.SHA256())
    )
    leaf_id = x509.SubjectKeyIdentifier.from_public_key(leaf_key.public_key())
    authority = x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(root_id)
    mail = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION])
    leaf = (
        _drafted(leaf_name, root_name, leaf_key.public_key(), begins_at, _LEAF_LASTS)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs=True), critical=True)
        .add_extension(mail, critical=False)
        .add_extension(leaf_id, critical=False)
        .add_extension(authority, critical=False)
        .sign(root_key, hashes.SHA256())
    )
    return {
        CHAIN_FILE: _pem(leaf) + _pem(root),
        KEY_FILE: _key_pem(leaf_key),
        # A next leaf under the same root keeps readers that trust it.
        ROOT_KEY_FILE: _key_pem(root_key),
    }


def _drafted(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePublicKey,
    begins_at: datetime,
    lasts: timedelta,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins_at)
        .not_valid_after(begins_at + lasts)
    )


def _named(organisation: str, what: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, organisation),
            x509.NameAttribute(NameOID.COMMON_NAME, f"{organisation} {what}"),
        ]
    )


def _usage(*, signs: bool) -> x509.KeyUsage:
    """Return the use of a key that signs manifests, or else of one that signs certificates."""
    return x509.KeyUsage(
        digital_signature=signs,
        key_cert_sign=not signs,
        crl_sign=not signs,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _parse(chain_pem: bytes, key_pem: bytes) -> Credentials:
    try:
        chain = x509.load_pem_x509_certificates(chain_pem)
        key = serialization.load_pem_private_key(key_pem, password=None)
        for below, above in pairwise(chain):
            below.verify_directly_issued_by(above)
    except (ValueError, TypeError, InvalidSignature) as error:
        raise CredentialsInvalid("broken", "the signing chain or key is not readable") from error
    leaf, public = chain[0], key.public_key()
    if not isinstance(public, ec.EllipticCurvePublicKey) or public != leaf.public_key():
        raise CredentialsInvalid("wrong_key", "the signing key is not that of the certificate")
    issuers = leaf.issuer.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)
    return Credentials(
        chain_pem=chain_pem.decode("ascii"),
        key_pem=key_pem.decode("ascii"),
        anchors_pem=b"".join(_pem(one) for one in chain[1:] or chain).decode("ascii"),
        issuer=str(issuers[0].value) if issuers else leaf.issuer.rfc4514_string(),
        begins_at=max(one.not_valid_before_utc for one in chain),
        expires_at=min(one.not_valid_after_utc for one in chain),
    )


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
