"""A list behind an address, checksummed or signed, asked for again with the tag it had."""

import base64
import hashlib
from collections.abc import Mapping
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from safety.listing.bank import News, Update, Visit
from safety.listing.fetching import NOT_MODIFIED, ask
from safety.listing.reading import check_listed

_TIMEOUT_S: Final = 60.0
_PROOF_BYTES_MAX: Final = 4096


def fetch_file(url: str, *, token: str = "", sha256_url: str = "", public_key: str = "") -> Update:
    """Return what fetches a file and makes sure of it.

    `sha256_url` has the digest of the file in hexadecimal digits, as `sha256sum` writes it; with
    `public_key` (Ed25519, base64), `url` + ".sig" has its signature (base64).

    Raises:
        ValueError: neither is given, so nothing would show that the file is whole.

    """
    if not (sha256_url or public_key):
        raise ValueError("a list behind an address needs sha256_url or public_key")
    credentials = {"Authorization": f"Bearer {token}"} if token else {}

    def update(visit: Visit, _before: bytes) -> News:
        tag = {"If-None-Match": visit.etag} if visit.etag else {}
        answer = ask(url, headers={**credentials, **tag}, timeout_s=_TIMEOUT_S)
        if answer.status == NOT_MODIFIED:
            return News(listed=None, etag=visit.etag)
        if sha256_url:
            _check_digest(answer.body, _proof(sha256_url, credentials))
        if public_key:
            _check_signature(answer.body, _proof(f"{url}.sig", credentials), public_key)
        # A list that cannot be read does not take the place of one that can.
        check_listed(answer.body)
        return News(listed=answer.body, etag=answer.headers.get("etag", ""))

    return update


def _proof(url: str, headers: Mapping[str, str]) -> bytes:
    answer = ask(url, headers=headers, timeout_s=_TIMEOUT_S, bytes_max=_PROOF_BYTES_MAX)
    return answer.body.strip()


def _check_digest(body: bytes, proof: bytes) -> None:
    said = proof.split()[0].decode("ascii").casefold() if proof else ""
    if hashlib.sha256(body).hexdigest() != said:
        raise ValueError("the file is not what its checksum says")


def _check_signature(body: bytes, proof: bytes, public_key: str) -> None:
    key = Ed25519PublicKey.from_public_bytes(base64.b64decode(public_key, validate=True))
    try:
        key.verify(base64.b64decode(proof, validate=True), body)
    except InvalidSignature as error:
        raise ValueError("the file is not signed by its bank") from error
