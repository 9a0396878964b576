"""What is sealed opens with one key, under one name, and not otherwise."""

import stat
from pathlib import Path

import pytest

from safety.errors import QuarantineKeyUnusable, SealBroken
from safety.moderation.quarantine import (
    load_or_create_quarantine_key,
    read_public_key,
    seal,
    unseal,
)


@pytest.fixture
def key(tmp_path: Path):
    return load_or_create_quarantine_key(tmp_path / "quarantine.key")


def test_what_is_sealed_opens_again(key):
    sealed = seal(b"pixels", to=key.public_key(), about="a/0")
    assert b"pixels" not in sealed
    assert unseal(sealed, key=key, about="a/0") == b"pixels"


def test_nothing_is_sealed_alike_twice(key):
    assert seal(b"x", to=key.public_key(), about="a") != seal(b"x", to=key.public_key(), about="a")


def test_another_key_another_name_or_a_changed_byte_does_not_open(key, tmp_path: Path):
    sealed = seal(b"pixels", to=key.public_key(), about="a/0")
    other = load_or_create_quarantine_key(tmp_path / "other.key")
    changed = sealed[:-1] + bytes([sealed[-1] ^ 1])
    for what, with_key, about in (
        (sealed, other, "a/0"),
        (sealed, key, "a/1"),
        (changed, key, "a/0"),
        (sealed[:20], key, "a/0"),
        (b"pixels", key, "a/0"),
    ):
        with pytest.raises(SealBroken):
            unseal(what, key=with_key, about=about)


def test_the_key_is_made_once_and_for_its_owner_alone(tmp_path: Path):
    path = tmp_path / "home/quarantine.key"
    first = load_or_create_quarantine_key(path).private_bytes_raw()
    assert load_or_create_quarantine_key(path).private_bytes_raw() == first
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [one.name for one in path.parent.iterdir()] == ["quarantine.key"]


def test_a_key_that_others_may_read_is_not_used(tmp_path: Path):
    path = tmp_path / "quarantine.key"
    load_or_create_quarantine_key(path)
    path.chmod(0o644)
    with pytest.raises(QuarantineKeyUnusable, match="others"):
        load_or_create_quarantine_key(path)


def test_what_is_no_key_is_not_used(tmp_path: Path):
    path = tmp_path / "quarantine.key"
    path.write_text("no key")
    path.chmod(0o600)
    with pytest.raises(QuarantineKeyUnusable):
        load_or_create_quarantine_key(path)
    with pytest.raises(QuarantineKeyUnusable):
        read_public_key("bm8ga2V5")
