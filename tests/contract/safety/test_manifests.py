"""What a manifest promises, in every format in which pictures leave."""

import json
from contextlib import closing
from datetime import timedelta
from io import BytesIO

import c2pa
import pytest
from PIL import Image

from safety.errors import NotMarked
from safety.provenance.c2pa import C2paState, Decoder, Facts, Ingredient, SoftBinding, read
from safety.provenance.certificates import make_own
from storage.formats import encode_avif, encode_jpeg, encode_png, encode_webp
from tests.builders import NOW
from tests.fakes.marks import a_signer, some_credentials

ENCODERS = {
    "image/png": encode_png,
    "image/jpeg": encode_jpeg,
    "image/webp": encode_webp,
    "image/avif": encode_avif,
}
FACTS = Facts(
    version="0.1.0",
    family="sdxl",
    model="starter",
    model_sha256="5e" * 32,
    decoder=Decoder(number="a7c35e19d284", sha256="de" * 32),
    made_at=NOW,
    soft_bindings=(SoftBinding(algorithm="spread", registry_id=0x1234),),
)
ANCHORS = [some_credentials().anchors_pem]


def a_picture() -> Image.Image:
    return Image.linear_gradient("L").resize((96, 80)).convert("RGB")


@pytest.fixture(params=ENCODERS)
def media_type(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def plain(media_type: str) -> bytes:
    return ENCODERS[media_type](a_picture())


@pytest.fixture
def signed(media_type: str, plain: bytes) -> bytes:
    return a_signer().sign(plain, media_type, FACTS)


def test_a_signed_file_is_trusted_and_says_what_made_it(signed: bytes, media_type: str):
    reading = read(signed, media_type, anchors_pem=ANCHORS)
    assert (reading.state, reading.problems) == (C2paState.TRUSTED, ())
    assert (reading.issuer, reading.generator) == ("Impasto", "Impasto 0.1.0")
    assert reading.source_type == "trainedAlgorithmicMedia"
    assert (reading.family, reading.model) == ("sdxl", "starter")
    assert reading.decoder == "a7c35e19d284"
    assert reading.made_at == "2026-01-01T12:00:00+00:00"
    assert reading.soft_bindings == (("spread", "000000001234"),)


def test_signing_leaves_the_pixels_alone(plain: bytes, signed: bytes):
    with Image.open(BytesIO(plain)) as before, Image.open(BytesIO(signed)) as after:
        assert before.convert("RGB").tobytes() == after.convert("RGB").tobytes()


def test_any_flipped_byte_of_the_picture_is_detected(plain: bytes, signed: bytes, media_type: str):
    """Every byte of the plain file that lies in the signed one in one piece, in 25 places."""
    tail = plain[-len(plain) // 2 :]
    begin = signed.rindex(tail[: len(tail) // 2])
    for place in range(begin, begin + len(tail) // 2, max(1, len(tail) // 50)):
        altered = bytearray(signed)
        altered[place] ^= 1
        reading = read(bytes(altered), media_type, anchors_pem=ANCHORS)
        assert reading.state is C2paState.INVALID, place
        assert reading.problems


def test_a_flipped_byte_of_the_claim_is_detected(signed: bytes, media_type: str):
    place = signed.index(b"trainedAlgorithmicMedia")
    altered = bytearray(signed)
    altered[place] ^= 1
    assert read(bytes(altered), media_type, anchors_pem=ANCHORS).state is C2paState.INVALID


def test_without_our_root_a_manifest_is_intact_but_of_somebody_else(
    signed: bytes, media_type: str, tmp_path
):
    strangers = make_own(tmp_path / "c2pa", now=NOW).current()
    for anchors in ([], [strangers.anchors_pem]):
        reading = read(signed, media_type, anchors_pem=anchors)
        assert reading.state is C2paState.UNTRUSTED
        assert reading.problems == ("signingCredential.untrusted",)
        assert reading.issuer == "Impasto"


def test_a_file_without_a_manifest_has_none(plain: bytes, media_type: str):
    assert read(plain, media_type, anchors_pem=ANCHORS).state is C2paState.ABSENT


@pytest.mark.parametrize("data", [b"", b"not a picture", b"\x89PNG\r\n\x1a\n"])
def test_what_is_no_picture_is_never_trusted(data: bytes):
    state = read(data, "image/png", anchors_pem=ANCHORS).state
    assert state in (C2paState.INVALID, C2paState.ABSENT)


def test_encoding_anew_loses_the_manifest(signed: bytes, media_type: str):
    with Image.open(BytesIO(signed)) as opened:
        again = ENCODERS[media_type](opened.convert("RGB"))
    assert read(again, media_type, anchors_pem=ANCHORS).state is C2paState.ABSENT


def test_a_picture_drawn_over_another_names_it_as_its_parent(plain: bytes, media_type: str):
    parent = a_signer().sign(encode_png(a_picture()), "image/png", FACTS)
    over = Facts(**{**vars(FACTS), "ingredient": Ingredient(data=parent, media_type="image/png")})
    signed = a_signer().sign(plain, media_type, over)
    reading = read(signed, media_type, anchors_pem=ANCHORS)
    assert reading.state is C2paState.TRUSTED
    assert reading.source_type == "compositeWithTrainedAlgorithmicMedia"
    with c2pa.Reader(media_type, BytesIO(signed)) as reader:
        document = json.loads(reader.json())
    manifest = document["manifests"][document["active_manifest"]]
    (ingredient,) = manifest["ingredients"]
    assert ingredient["relationship"] == "parentOf"
    # The parent's own manifest came along.
    assert ingredient["active_manifest"] in document["manifests"]
    actions = next(a for a in manifest["assertions"] if a["label"].startswith("c2pa.actions"))
    assert [one["action"] for one in actions["data"]["actions"]] == ["c2pa.opened", "c2pa.edited"]


def test_a_manifest_has_no_thumbnail_and_costs_a_few_kilobytes(plain: bytes, signed: bytes):
    assert b"c2pa.thumbnail" not in signed
    assert 0 < len(signed) - len(plain) < 5_000


def test_two_signatures_differ_and_both_hold(plain: bytes, media_type: str):
    first, second = (a_signer().sign(plain, media_type, FACTS) for _ in range(2))
    assert first != second
    for one in (first, second):
        assert read(one, media_type, anchors_pem=ANCHORS).state is C2paState.TRUSTED


@pytest.mark.parametrize(
    ("after", "reason"),
    [
        (timedelta(days=11 * 365), "credentials_expired"),
        (-timedelta(days=30), "credentials_not_yet"),
    ],
)
def test_nothing_is_signed_by_a_certificate_that_is_not_good_now(after: timedelta, reason: str):
    signer = a_signer(after=after)
    with pytest.raises(NotMarked) as caught:
        signer.sign(encode_png(a_picture()), "image/png", FACTS)
    assert caught.value.reason == reason


def test_what_is_no_picture_is_not_signed():
    with pytest.raises(NotMarked) as caught:
        a_signer().sign(b"not a picture", "image/png", FACTS)
    assert caught.value.reason == "not_signed"


def foreign(*assertions: dict[str, object]) -> bytes:
    """Return a file whose manifest somebody else wrote, in whatever shape they liked."""
    drawn = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
    created = {"action": "c2pa.created", "digitalSourceType": drawn}
    told = [{"label": "c2pa.actions.v2", "data": {"actions": [created]}}, *assertions]
    credentials = some_credentials()
    info = c2pa.C2paSignerInfo(
        alg=c2pa.C2paSigningAlg.ES256,
        sign_cert=credentials.chain_pem.encode(),
        private_key=credentials.key_pem.encode(),
        ta_url=None,
    )
    signed = BytesIO()
    manifest = json.dumps({"claim_generator_info": [{"name": "X"}], "assertions": told})
    with (
        closing(c2pa.Context.from_dict({"verify": {"verify_after_sign": False}})) as context,
        closing(c2pa.Builder.from_json(manifest, context)) as builder,
        closing(c2pa.Signer.from_info(info)) as signer,
    ):
        builder.sign(signer, "image/png", BytesIO(encode_png(a_picture())), signed)
    return signed.getvalue()


@pytest.mark.parametrize("blocks", ["abc", 7, [1, "x", {"value": "12"}], {"value": "12"}])
def test_a_strangers_manifest_may_say_anything_in_any_shape(blocks: object):
    file = foreign(
        {"label": "c2pa.soft-binding", "data": {"alg": "spread", "blocks": blocks}},
        {"label": "impasto.model", "data": ["no", "table"]},
    )
    reading = read(file, "image/png", anchors_pem=ANCHORS)
    assert reading.generator == "X"
    assert reading.model == ""
    assert all(isinstance(value, str) for _, value in reading.soft_bindings)
