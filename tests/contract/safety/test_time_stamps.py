"""What a time stamp adds to a manifest, and what becomes of an authority that gives none."""

from datetime import UTC, datetime, timedelta

import pytest

from safety.errors import NotMarked
from safety.provenance.c2pa import C2paReading, C2paState, read
from safety.provenance.time_stamps import RESTS, TimeStampAuthority
from tests.contract.safety.test_manifests import ANCHORS, ENCODERS, FACTS, a_picture
from tests.fakes.marks import a_marker, a_signer, some_papers
from tests.fakes.time_stamps import Authority, an_authority

JUST_NOW = timedelta(minutes=2)
PNG = ENCODERS["image/png"](a_picture())


class Clock:
    """A clock that is put forward by hand."""

    def __init__(self) -> None:
        self.now = datetime.now(UTC)

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def authority():
    with an_authority() as running:
        yield running


@pytest.fixture
def clock() -> Clock:
    return Clock()


def stamping_signer(authority: Authority, clock: Clock):
    return a_signer(authority=TimeStampAuthority(authority.url, clock=clock))


def sign_png(signer) -> C2paReading:
    return read(signer.sign(PNG, "image/png", FACTS), "image/png", anchors_pem=ANCHORS)


@pytest.mark.parametrize("media_type", ENCODERS)
def test_every_file_is_stamped_with_the_time_and_trusted(authority, clock, media_type):
    plain = ENCODERS[media_type](a_picture())
    signed = stamping_signer(authority, clock).sign(plain, media_type, FACTS)
    reading = read(signed, media_type, anchors_pem=ANCHORS)
    assert (reading.state, reading.problems) == (C2paState.TRUSTED, ())
    stamped_at = datetime.fromisoformat(reading.stamped_at)
    assert abs(stamped_at - datetime.now(UTC)) < JUST_NOW
    assert authority.asked == 1


def test_without_an_authority_nothing_is_stamped():
    assert sign_png(a_signer()).stamped_at == ""
    assert a_signer().is_stamping is None


@pytest.mark.parametrize("answer", [(500, b""), (200, b""), (200, b"<html>"), (302, b"")])
def test_an_authority_that_gives_no_stamp_is_left_alone_for_a_while(authority, clock, answer):
    signer = stamping_signer(authority, clock)
    authority.misbehaves = answer
    assert signer.is_stamping
    for _ in range(3):
        reading = sign_png(signer)
        assert (reading.state, reading.stamped_at) == (C2paState.TRUSTED, "")
    assert authority.asked == 1
    assert not signer.is_stamping
    authority.misbehaves = None
    clock.now += RESTS
    assert sign_png(signer).stamped_at


def test_an_authority_that_is_away_costs_no_picture(authority, clock):
    away = TimeStampAuthority("http://127.0.0.1:1/", clock=clock)
    reading = sign_png(a_signer(authority=away))
    assert (reading.state, reading.stamped_at) == (C2paState.TRUSTED, "")
    assert away.url() is None


def test_a_stamp_that_would_spoil_the_manifest_is_not_used(clock):
    with an_authority(is_proper=False) as authority:
        reading = sign_png(stamping_signer(authority, clock))
    assert authority.asked == 1
    assert (reading.state, reading.stamped_at) == (C2paState.TRUSTED, "")


def test_what_is_no_picture_is_no_fault_of_the_authority(authority, clock):
    signer = stamping_signer(authority, clock)
    with pytest.raises(NotMarked) as caught:
        signer.sign(b"not a picture", "image/png", FACTS)
    assert caught.value.reason == "not_signed"
    assert sign_png(signer).stamped_at


def test_previews_are_signed_without_a_stamp(authority, clock):
    marker = a_marker(signer=stamping_signer(authority, clock))
    preview = marker.sign_preview(ENCODERS["image/webp"](a_picture()), some_papers())
    reading = read(preview, "image/webp", anchors_pem=ANCHORS)
    assert (reading.state, reading.stamped_at) == (C2paState.TRUSTED, "")
    assert authority.asked == 0
