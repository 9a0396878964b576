"""Every scheme of links, verified as whoever serves the pictures would verify them."""

import base64
import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qs, parse_qsl, quote, urlencode, urlsplit

import pytest
from botocore.auth import S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.signers import CloudFrontSigner
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from storage import signing
from storage.errors import InvalidKey, LinkRefused, StorageUnavailable
from storage.link_signer import LinkSigner
from storage.link_signers import (
    CloudflareLinks,
    CloudFrontLinks,
    OwnLinks,
    S3Links,
    open_link_signer,
)
from tests.builders import NOW

KEY = f"images/ab/{'ab' * 32}/webp.webp"
SECRET = b"a secret of many characters"
S3_KEYS = {"access_key_id": "AKIAIOSFODNN7EXAMPLE", "secret_access_key": "wJalrXUtnFEMI"}
RSA_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
EC_KEY = ec.generate_private_key(ec.SECP256R1())
STRANGERS = {
    type(RSA_KEY): rsa.generate_private_key(public_exponent=65537, key_size=2048),
    type(EC_KEY): ec.generate_private_key(ec.SECP256R1()),
}
LIFETIME_S = 10_800
SHA1 = hashes.SHA1()  # noqa: S303 - what CloudFront asks for

Verify = Callable[[str, datetime], bool]


@dataclass(frozen=True, kw_only=True)
class Scheme:
    """Links of one kind, and what stands at their other end."""

    signer: LinkSigner
    stranger: LinkSigner
    verify: Verify


def a_pem(path: Path, key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> Path:
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    path.write_bytes(pem)
    return path


def is_refused(scheme: "Scheme", link: str) -> bool:
    try:
        return not scheme.verify(link, NOW)
    except ValueError:
        # A time or a signature that is none any more.
        return True


def words(link: str) -> dict[str, str]:
    return {name: value for name, (value, *_) in parse_qs(urlsplit(link).query).items()}


def by_the_gateway(link: str, now: datetime) -> bool:
    key = urlsplit(link).path.removeprefix("/images/")
    try:
        signing.verify(key, words(link), now, signing_keys={"k1": b"1" * 32})
    except LinkRefused:
        return False
    return True


def by_s3(link: str, now: datetime) -> bool:
    """Sign the link's own words again, as the server does."""
    given = words(link)
    signed_at = datetime.strptime(given["X-Amz-Date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    if now >= signed_at + timedelta(seconds=int(given["X-Amz-Expires"])):
        return False
    access_key, _, region, *_ = given["X-Amz-Credential"].split("/")
    if access_key != S3_KEYS["access_key_id"]:
        return False
    request = AWSRequest(method="GET", url=link.partition("?")[0])
    request.context["timestamp"] = given["X-Amz-Date"]
    auth = S3SigV4QueryAuth(
        Credentials(*S3_KEYS.values()), "s3", region, expires=int(given["X-Amz-Expires"])
    )
    query = [(n, v) for n, v in parse_qsl(urlsplit(link).query) if n != "X-Amz-Signature"]
    request.url += "?" + urlencode(query, quote_via=quote, safe="")
    text = auth.string_to_sign(request, auth.canonical_request(request))
    return hmac.compare_digest(auth.signature(text, request), given["X-Amz-Signature"])


def by_cloudfront(public: rsa.RSAPublicKey | ec.EllipticCurvePublicKey) -> Verify:
    def verify(link: str, now: datetime) -> bool:
        given, address = words(link), link.partition("?")[0]
        if given["Key-Pair-Id"] != "K2JCJMDEHXQW5F" or now.timestamp() >= int(given["Expires"]):
            return False
        policy = (
            f'{{"Statement":[{{"Resource":"{address}","Condition":'
            f'{{"DateLessThan":{{"AWS:EpochTime":{given["Expires"]}}}}}}}]}}'
        ).encode()
        signature = base64.b64decode(given["Signature"].translate(str.maketrans("-_~", "+=/")))
        try:
            if isinstance(public, rsa.RSAPublicKey):
                public.verify(signature, policy, padding.PKCS1v15(), SHA1)
            else:
                public.verify(signature, policy, ec.ECDSA(SHA1))
        except InvalidSignature:
            return False
        return True

    return verify


def by_cloudflare(link: str, now: datetime) -> bool:
    """Do what the documented rule function does: path, separator, ten digits, a dash, a MAC."""
    path = urlsplit(link).path
    token = words(link)["verify"]
    made, _, mac = token.partition("-")
    if len(made) != 10 or now.timestamp() >= int(made) + LIFETIME_S:
        return False
    wanted = base64.b64encode(hmac.digest(SECRET, (path + made).encode(), hashlib.sha256))
    return hmac.compare_digest(wanted.decode(), mac)


def own(_folder: Path) -> Scheme:
    def signer(keys: dict[str, bytes]) -> LinkSigner:
        return open_link_signer(OwnLinks(public_url="https://here/", signing_keys=keys))

    return Scheme(
        signer=signer({"k0": b"0" * 32, "k1": b"1" * 32}),
        stranger=signer({"k2": b"2" * 32}),
        verify=by_the_gateway,
    )


def s3(_folder: Path) -> Scheme:
    def signer(**keys: str) -> LinkSigner:
        return open_link_signer(
            S3Links(bucket="pictures", endpoint_url="https://s3.example.org", **keys)
        )

    stranger = signer(access_key_id="AKIASOMEBODYELSE", secret_access_key="x")  # noqa: S106
    return Scheme(signer=signer(**S3_KEYS), stranger=stranger, verify=by_s3)


def cloudfront(folder: Path, key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> Scheme:
    def signer(key_pair_id: str, pem: Path) -> LinkSigner:
        return open_link_signer(
            CloudFrontLinks(
                url="https://d111111abcdef8.cloudfront.net",
                key_pair_id=key_pair_id,
                private_key_file=pem,
            )
        )

    other = STRANGERS[type(key)]
    return Scheme(
        signer=signer("K2JCJMDEHXQW5F", a_pem(folder / "key.pem", key)),
        stranger=signer("K2JCJMDEHXQW5F", a_pem(folder / "other.pem", other)),
        verify=by_cloudfront(key.public_key()),
    )


def cloudflare(folder: Path) -> Scheme:
    def signer(name: str, secret: bytes) -> LinkSigner:
        (folder / name).write_bytes(secret + b"\n")
        return open_link_signer(
            CloudflareLinks(
                url="https://img.example.org", secret_file=folder / name, lifetime_s=LIFETIME_S
            )
        )

    return Scheme(
        signer=signer("ours", SECRET),
        stranger=signer("theirs", b"another secret, just as long"),
        verify=by_cloudflare,
    )


SCHEMES: dict[str, Callable[[Path], Scheme]] = {
    "own": own,
    "s3": s3,
    "cloudfront with rsa": lambda folder: cloudfront(folder, RSA_KEY),
    "cloudfront with ecdsa": lambda folder: cloudfront(folder, EC_KEY),
    "cloudflare": cloudflare,
}


@pytest.fixture(params=SCHEMES)
def scheme(request: pytest.FixtureRequest, tmp_path: Path) -> Scheme:
    return SCHEMES[request.param](tmp_path)


def test_a_link_is_accepted_until_it_ends(scheme: Scheme):
    link = scheme.signer.link(KEY, 600, NOW)
    assert scheme.verify(link, NOW)
    assert scheme.verify(link, NOW + timedelta(seconds=599))
    assert not scheme.verify(link, NOW + timedelta(seconds=661))


def test_a_short_link_is_short(scheme: Scheme):
    # S3 counts from the full minute, which NOW is.
    link = scheme.signer.link(KEY, 60, NOW)
    assert scheme.verify(link, NOW + timedelta(seconds=59))
    assert not scheme.verify(link, NOW + timedelta(seconds=61))


@pytest.mark.parametrize("place", range(6))
def test_a_link_that_was_altered_anywhere_is_refused(scheme: Scheme, place: int):
    link = scheme.signer.link(KEY, 600, NOW)
    base, _, query = link.partition("?")
    pairs = parse_qsl(query, keep_blank_values=True)
    alterations = [f"{base.replace('webp.webp', 'original.png')}?{query}"]
    for index, (name, value) in enumerate(pairs):
        for old in ("1", "a", "A", "b", "B", "Z", "2", "0"):
            if old in value:
                changed = value.replace(old, "7" if old.isdigit() else "c", 1)
                altered = [*pairs[:index], (name, changed), *pairs[index + 1 :]]
                alterations.append(f"{base}?{urlencode(altered, quote_via=quote, safe='~')}")
                break
    altered_link = alterations[place % len(alterations)]
    assert altered_link != link
    assert is_refused(scheme, altered_link)


def test_a_link_of_somebody_elses_key_is_refused(scheme: Scheme):
    assert not scheme.verify(scheme.stranger.link(KEY, 600, NOW), NOW)


@pytest.mark.parametrize("key", ["quarantine/ab/x.png", "uploads/x.png", "../x", "images/../x"])
def test_only_pictures_are_linked(scheme: Scheme, key: str):
    with pytest.raises(InvalidKey):
        scheme.signer.link(key, 600, NOW)


def test_botocore_signs_the_same_cloudfront_link(tmp_path: Path):
    ours = cloudfront(tmp_path, RSA_KEY).signer.link(KEY, 600, NOW)

    def rsa_sha1(message: bytes) -> bytes:
        return RSA_KEY.sign(message, padding.PKCS1v15(), SHA1)

    theirs = CloudFrontSigner("K2JCJMDEHXQW5F", rsa_sha1).generate_presigned_url(
        f"https://d111111abcdef8.cloudfront.net/{KEY}",
        date_less_than=NOW + timedelta(seconds=600),
    )
    assert ours == theirs


def test_a_cloudflare_link_never_outlives_its_rule(tmp_path: Path):
    scheme = cloudflare(tmp_path)
    link = scheme.signer.link(KEY, 10 * LIFETIME_S, NOW)
    assert scheme.verify(link, NOW + timedelta(seconds=LIFETIME_S - 1))
    assert not scheme.verify(link, NOW + timedelta(seconds=LIFETIME_S))


@pytest.mark.parametrize("text", [b"", b"short", None])
def test_nothing_is_signed_with_what_is_no_key(tmp_path: Path, text: bytes | None):
    path = tmp_path / "key"
    if text is not None:
        path.write_bytes(text)
    with pytest.raises(StorageUnavailable):
        open_link_signer(CloudflareLinks(url="https://here", secret_file=path))
    with pytest.raises(StorageUnavailable):
        open_link_signer(
            CloudFrontLinks(url="https://here", key_pair_id="K", private_key_file=path)
        )
    with pytest.raises(StorageUnavailable):
        open_link_signer(OwnLinks(public_url="https://here", signing_keys={}))
