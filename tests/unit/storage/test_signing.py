"""Signed links: accepted as made, refused when late or altered."""

import json
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal
from urllib.parse import parse_qsl

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from storage.errors import InvalidKey, LinkRefused, StorageUnavailable
from storage.object_store import link_expiry
from storage.signing import load_or_create_signing_keys, sign, verify
from tests.builders import NOW

KEY = "images/ab/abc/original.png"
KEYS = {"old": b"o" * 32, "new": b"n" * 32}
END = NOW + timedelta(hours=1)

moments = st.datetimes(
    min_value=datetime(2000, 1, 1),  # noqa: DTZ001 - hypothesis adds the zone
    max_value=datetime(2100, 1, 1),  # noqa: DTZ001 - hypothesis adds the zone
    timezones=st.just(UTC),
).map(lambda moment: moment.replace(microsecond=0))
names = st.from_regex(r"images/[a-z0-9]{1,8}(/[a-z0-9_]{1,8}\.png)?", fullmatch=True)


def signed(key: str = KEY, end: datetime = END, kid: str = "new") -> dict[str, str]:
    return dict(parse_qsl(sign(key, end, kid=kid, secret=KEYS[kid])))


def refusal(key: str, query: dict[str, str], now: datetime = NOW) -> str:
    with pytest.raises(LinkRefused) as caught:
        verify(key, query, now, signing_keys=KEYS)
    return caught.value.reason


@given(key=names, end=moments, lead_s=st.integers(1, 10**6), kid=st.sampled_from(list(KEYS)))
def test_a_link_is_accepted_until_it_ends(key: str, end: datetime, lead_s: int, kid: str) -> None:
    query = signed(key, end, kid)
    verify(key, query, end - timedelta(seconds=lead_s), signing_keys=KEYS)
    assert refusal(key, query, end) == "expired"
    assert refusal(key, query, end + timedelta(seconds=lead_s)) == "expired"


@given(key=names, other=names)
def test_a_link_opens_no_other_object(key: str, other: str) -> None:
    assume(key != other)
    assert refusal(other, signed(key)) == "tampered"


@given(part=st.sampled_from(["exp", "kid", "sig"]), data=st.data())
def test_any_other_word_in_a_link_is_refused(
    part: Literal["exp", "kid", "sig"], data: st.DataObject
) -> None:
    query = signed()
    word = data.draw(st.one_of(st.text(max_size=50), st.sampled_from(["old", "1", "9" * 12])))
    assume(word != query[part])
    assert refusal(KEY, query | {part: word}) in {"tampered", "unknown_key"}


@given(place=st.integers(0, 42), letter=st.sampled_from("ABab019-_"))
def test_every_letter_of_the_signature_counts(place: int, letter: str) -> None:
    query = signed()
    changed = query["sig"][:place] + letter + query["sig"][place + 1 :]
    assume(changed != query["sig"])
    assert refusal(KEY, query | {"sig": changed}) == "tampered"


@pytest.mark.parametrize("missing", ["exp", "kid", "sig"])
def test_a_link_that_lacks_a_part_is_refused(missing: str) -> None:
    query = {name: word for name, word in signed().items() if name != missing}
    assert refusal(KEY, query) == "tampered"


@pytest.mark.parametrize("expires", ["٣٣٣", "1e9", "-1", "+99999999999", " 1", "9" * 13])
def test_only_plain_digits_are_an_expiry(expires: str) -> None:
    assert refusal(KEY, signed() | {"exp": expires}) == "tampered"


def test_a_forged_link_is_not_told_that_it_is_late() -> None:
    assert refusal(KEY, signed() | {"exp": "1"}) == "tampered"


def test_other_parameters_are_ignored() -> None:
    verify(KEY, signed() | {"download": "1"}, NOW, signing_keys=KEYS)


def test_a_link_made_before_the_rotation_still_works_until_its_key_is_dropped() -> None:
    query = signed(kid="old")
    verify(KEY, query, NOW, signing_keys=KEYS)
    with pytest.raises(LinkRefused) as caught:
        verify(KEY, query, NOW, signing_keys={"new": KEYS["new"]})
    assert caught.value.reason == "unknown_key"


@pytest.mark.parametrize(
    "key", ["quarantine/ab/abc/original.png", "images/../secret", "images", ""]
)
def test_what_outsiders_may_not_have_is_not_signed(key: str) -> None:
    with pytest.raises(InvalidKey):
        signed(key)
    assert refusal(key, signed()) == "tampered"


@given(now=moments, ttl_s=st.integers(1, 10**6))
def test_a_link_ends_no_earlier_than_asked_and_no_minute_later(now: datetime, ttl_s: int) -> None:
    end = link_expiry(now, ttl_s)
    assert timedelta(seconds=ttl_s) <= end - now < timedelta(seconds=ttl_s + 60)
    assert end.second == 0 or ttl_s < 600


def test_a_first_signing_key_is_made_and_kept(tmp_path: Path) -> None:
    path = tmp_path / "home" / "signing-keys.json"
    keys = load_or_create_signing_keys(path)
    assert [len(secret) for secret in keys.values()] == [32]
    assert load_or_create_signing_keys(path) == keys
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(path.parent.iterdir()) == [path]


def test_signing_keys_keep_the_order_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    path.write_text(json.dumps({kid: secret.hex() for kid, secret in KEYS.items()}))
    assert list(load_or_create_signing_keys(path).items()) == list(KEYS.items())


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"k": 1}', '{"k": "xy"}', '{"k": "00"}', "\x00"])
def test_a_file_without_signing_keys_is_not_overwritten(tmp_path: Path, text: str) -> None:
    path = tmp_path / "keys.json"
    path.write_text(text)
    with pytest.raises(StorageUnavailable):
        load_or_create_signing_keys(path)
    assert path.read_text() == text


def test_a_place_where_no_file_can_be_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StorageUnavailable):
        load_or_create_signing_keys(tmp_path / "file" / "keys.json")
