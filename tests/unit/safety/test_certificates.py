"""What manifests are signed with, and the secrets that lie beside it."""

import os
import shutil
import stat
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest

from safety.errors import CredentialsInvalid
from safety.provenance.certificates import CHAIN_FILE, KEY_FILE, CredentialFiles, make_own
from safety.provenance.keeping import (
    load_or_create_watermark_key,
    open_credentials,
    own_credentials,
)
from tests.builders import NOW


def reason_of(files: CredentialFiles) -> str:
    with pytest.raises(CredentialsInvalid) as caught:
        files.current()
    return caught.value.reason


def test_a_chain_of_our_own_is_made_once_for_its_owner_alone(tmp_path: Path):
    folder = tmp_path / "home/c2pa"
    first = make_own(folder, now=NOW).current()
    assert make_own(folder, now=NOW + timedelta(days=1)).current() == first
    for name in (CHAIN_FILE, KEY_FILE, "root-key.pem"):
        assert stat.S_IMODE((folder / name).stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert first.chain_pem.count("BEGIN CERTIFICATE") == 2
    assert first.anchors_pem.count("BEGIN CERTIFICATE") == 1
    assert first.expires_at > NOW + timedelta(days=9 * 365)


def test_a_key_is_never_shown(tmp_path: Path):
    assert "PRIVATE" not in repr(make_own(tmp_path / "c2pa", now=NOW).current())


def test_processes_that_start_together_have_one_chain_and_one_watermark(tmp_path: Path):
    with ThreadPoolExecutor(8) as threads:
        made = list(threads.map(lambda _: make_own(tmp_path / "c2pa", now=NOW), range(8)))
        keys = set(threads.map(lambda _: load_or_create_watermark_key(tmp_path), range(8)))
    assert len({files.current().chain_pem for files in made}) == 1
    assert len(keys) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["c2pa", "watermark.key"]


def test_a_renewed_chain_is_read_without_a_restart(tmp_path: Path):
    files = make_own(tmp_path / "a", now=NOW)
    first = files.current()
    other = make_own(tmp_path / "b", now=NOW).current()
    for name in (CHAIN_FILE, KEY_FILE):
        os.replace(tmp_path / "b" / name, tmp_path / "a" / name)  # noqa: PTH105 - as an operator
    assert files.current() == other
    assert files.current() != first


def test_what_cannot_be_used_says_why_by_a_stable_word(tmp_path: Path):
    a, b = (make_own(tmp_path / name, now=NOW) for name in "ab")
    shutil.copy(tmp_path / "b" / KEY_FILE, tmp_path / "a" / KEY_FILE)
    assert reason_of(a) == "wrong_key"
    (tmp_path / "a" / KEY_FILE).unlink()
    assert reason_of(a) == "missing"
    (tmp_path / "b" / CHAIN_FILE).write_text("no certificate")
    assert reason_of(b) == "broken"


def test_a_chain_whose_links_do_not_fit_is_refused(tmp_path: Path):
    a, b = (make_own(tmp_path / name, now=NOW).current() for name in "ab")
    (tmp_path / "a" / CHAIN_FILE).write_text(
        a.chain_pem.replace(a.anchors_pem, b.anchors_pem), encoding="ascii"
    )
    assert reason_of(own_files(tmp_path / "a")) == "broken"


def own_files(folder: Path) -> CredentialFiles:
    return CredentialFiles(chain=folder / CHAIN_FILE, key=folder / KEY_FILE)


def test_a_chain_that_was_brought_is_used_in_place_of_our_own(tmp_path: Path):
    brought = make_own(tmp_path / "brought", now=NOW).current()
    opened = open_credentials(
        tmp_path / "own",
        chain=tmp_path / "brought" / CHAIN_FILE,
        key=tmp_path / "brought" / KEY_FILE,
        now=NOW,
    )
    assert opened.current() == brought
    assert reason_of(own_credentials(tmp_path / "own")) == "missing"


def test_half_a_pair_is_not_made_whole_with_our_own(tmp_path: Path):
    open_credentials(tmp_path, chain=None, key=None, now=NOW)
    half = open_credentials(tmp_path, chain=tmp_path / "c2pa" / CHAIN_FILE, key=None, now=NOW)
    assert reason_of(half) == "missing"


@pytest.mark.parametrize("text", ["", "zz", "ab" * 31])
def test_what_is_no_watermark_key_is_refused(tmp_path: Path, text: str):
    (tmp_path / "watermark.key").write_text(text)
    with pytest.raises(CredentialsInvalid):
        load_or_create_watermark_key(tmp_path)
