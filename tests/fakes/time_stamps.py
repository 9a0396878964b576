"""An authority of time (RFC 3161) on this host, with a certificate that nobody vouches for."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from asn1crypto import algos, cms, core, tsp
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

ANSWER_TYPE = "application/timestamp-reply"


class Authority:
    """Stamps what it is asked; while `misbehaves` is set, that is what it answers instead.

    One that is not `is_proper` has a certificate that says too little of itself.
    """

    def __init__(self, *, is_proper: bool) -> None:
        self.asked = 0
        self.misbehaves: tuple[int, bytes] | None = None
        self.url = ""
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._certificate = _certificate_of(self._key, is_proper=is_proper)

    def answer(self, query: bytes) -> tuple[int, bytes]:
        """Return the status and body for a query."""
        self.asked += 1
        return self.misbehaves or (200, self._stamp(tsp.TimeStampReq.load(query)))

    def _stamp(self, query: tsp.TimeStampReq) -> bytes:
        told = tsp.TSTInfo(
            {
                "version": "v1",
                "policy": "1.2.3.4.1",
                "message_imprint": query["message_imprint"],
                "serial_number": self.asked,
                "gen_time": datetime.now(UTC).replace(microsecond=0),
                "nonce": query["nonce"].native,
            }
        )
        content = cms.EncapsulatedContentInfo(
            {"content_type": "tst_info", "content": core.ParsableOctetString(told.dump())}
        )
        signed = cms.SignedData(
            {
                "version": "v3",
                "digest_algorithms": [algos.DigestAlgorithm({"algorithm": "sha256"})],
                "encap_content_info": content,
                "certificates": [self._certificate],
                "signer_infos": [self._sign(told.dump())],
            }
        )
        token = cms.ContentInfo({"content_type": "signed_data", "content": signed})
        granted = tsp.PKIStatusInfo({"status": "granted"})
        return bytes(tsp.TimeStampResp({"status": granted, "time_stamp_token": token}).dump())

    def _sign(self, told: bytes) -> cms.SignerInfo:
        attributes = cms.CMSAttributes(
            [
                {"type": "content_type", "values": ["tst_info"]},
                {"type": "message_digest", "values": [_sha256(told)]},
                {
                    "type": "signing_certificate_v2",
                    "values": [{"certs": [{"cert_hash": _sha256(self._certificate.dump())}]}],
                },
            ]
        )
        issued = {
            "issuer": self._certificate.issuer,
            "serial_number": self._certificate.serial_number,
        }
        return cms.SignerInfo(
            {
                "version": "v1",
                "sid": cms.SignerIdentifier({"issuer_and_serial_number": issued}),
                "digest_algorithm": {"algorithm": "sha256"},
                "signed_attrs": attributes,
                "signature_algorithm": {"algorithm": "sha256_ecdsa"},
                "signature": self._key.sign(attributes.dump(), ec.ECDSA(hashes.SHA256())),
            }
        )


@contextmanager
def an_authority(*, is_proper: bool = True) -> Iterator[Authority]:
    """Run one until the block ends."""
    authority = Authority(is_proper=is_proper)

    class Door(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            query = self.rfile.read(int(self.headers["Content-Length"]))
            status, body = authority.answer(query)
            self.send_response(status)
            self.send_header("Content-Type", ANSWER_TYPE)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Door)
    serving = threading.Thread(target=server.serve_forever)
    serving.start()
    try:
        authority.url = f"http://127.0.0.1:{server.server_port}/"
        yield authority
    finally:
        server.shutdown()
        serving.join()
        server.server_close()


def _certificate_of(key: ec.EllipticCurvePrivateKey, *, is_proper: bool) -> asn1_x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "an authority of time")])
    now = datetime.now(UTC)
    stamps = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING])
    drafted = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(stamps, critical=True)
    )
    if is_proper:
        public = key.public_key()
        drafted = (
            drafted.add_extension(_usage(), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(public), critical=False
            )
        )
    made = drafted.sign(key, hashes.SHA256())
    return asn1_x509.Certificate.load(made.public_bytes(serialization.Encoding.DER))


def _usage() -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )


def _sha256(data: bytes) -> bytes:
    digest = hashes.Hash(hashes.SHA256())
    digest.update(data)
    return digest.finalize()
