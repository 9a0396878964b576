"""Links to a CloudFront distribution: a canned policy, signed with RSA or ECDSA over SHA-1.

As Amazon documents it (Developer Guide, "Create a signed URL using a canned policy"): the policy is
the URL and its expiry as JSON without a blank, its signature base64 with three characters replaced.
SHA-1 is what every distribution takes; nothing here rests on its resistance to collisions, for
nobody but us chooses what is signed.
"""

import base64
from datetime import datetime
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from storage.errors import StorageUnavailable
from storage.keys import check_public_key
from storage.object_store import link_expiry

_SAFE: Final = bytes.maketrans(b"+=/", b"-_~")


class CloudFrontLinkSigner:
    """A LinkSigner for pictures in front of which a CloudFront distribution stands."""

    def __init__(self, *, url: str, key_pair_id: str, private_key_file: Path) -> None:
        self._url = url.rstrip("/")
        self._key_pair_id = key_pair_id
        self._key = _read_key(private_key_file)

    def link(self, key: str, ttl_s: int, now: datetime) -> str:
        address = f"{self._url}/{check_public_key(key)}"
        expires = int(link_expiry(now, ttl_s).timestamp())
        signature = base64.b64encode(self._sign(canned_policy(address, expires)))
        safe = signature.translate(_SAFE).decode()
        return f"{address}?Expires={expires}&Signature={safe}&Key-Pair-Id={self._key_pair_id}"

    def _sign(self, policy: bytes) -> bytes:
        digest = hashes.SHA1()  # noqa: S303 - what CloudFront asks for, see above
        if isinstance(self._key, rsa.RSAPrivateKey):
            return self._key.sign(policy, padding.PKCS1v15(), digest)
        return self._key.sign(policy, ec.ECDSA(digest))


def canned_policy(address: str, expires: int) -> bytes:
    """Return what is signed for an address and a moment, in seconds since 1970."""
    condition = f'{{"DateLessThan":{{"AWS:EpochTime":{expires}}}}}'
    return f'{{"Statement":[{{"Resource":"{address}","Condition":{condition}}}]}}'.encode()


def _read_key(path: Path) -> rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey:
    try:
        key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    except (OSError, ValueError, TypeError) as error:
        raise StorageUnavailable(f"{path} holds no private key for CloudFront") from error
    if not isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
        raise StorageUnavailable(f"{path} holds a key that is neither RSA nor ECDSA")
    return key
