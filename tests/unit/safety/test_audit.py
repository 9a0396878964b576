"""The audit log as a pure thing: what an entry may hold, and what its chain and heads give away."""

import hashlib
import json
import stat
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safety.errors import AuditKeysUnusable
from safety.moderation.audit import (
    GENESIS,
    AuditEntry,
    ChainedEntry,
    canonical,
    chain,
    verify,
)
from safety.moderation.audit_keys import AuditKeys, load_audit_keys, load_or_create_audit_keys
from tests.builders import at


def an_entry(number: int = 1, **fields) -> AuditEntry:
    given = {
        "action": "prompt.screened",
        "actor": "discord:alice",
        "subject": f"job:gen_{number}",
        "outcome": "block",
        "detail": {"rule": "sexual.named", "score": "0.5"},
        "at": at(number),
    }
    return AuditEntry(**given | fields)


def a_log(count: int, *, start: int = 1, previous: str = GENESIS) -> list[ChainedEntry]:
    log = []
    for number in range(start, start + count):
        entry = an_entry(number)
        previous = chain(previous, entry)
        log.append(ChainedEntry(number=number, entry=entry, hash=previous))
    return log


@pytest.fixture
def keys(tmp_path) -> AuditKeys:
    return load_or_create_audit_keys(tmp_path / "audit-keys.json")


def heads_of(keys: AuditKeys, log: list[ChainedEntry], *counts: int):
    return [keys.sign(entries=n, last_hash=log[n - 1].hash, at=at(n)) for n in counts]


def test_an_untouched_log_verifies():
    result = verify(a_log(20), expected=20)
    assert (result.entries, result.ok, result.first_bad) == (20, True, None)
    assert verify([]).ok


@given(st.integers(min_value=0, max_value=19))
def test_a_removed_entry_is_found(index: int):
    log = a_log(20)
    del log[index]
    result = verify(log, expected=20)
    assert (result.ok, result.first_bad) == (False, index + 1)


@given(st.integers(0, 19), st.integers(0, 19))
def test_entries_that_changed_places_are_found(one: int, other: int):
    log = a_log(20)
    first, second = log[one], log[other]
    log[one] = replace(second, number=first.number)
    log[other] = replace(first, number=second.number)
    result = verify(log)
    assert (result.ok, result.first_bad) == (
        (True, None) if one == other else (False, min(one, other) + 1)
    )


@pytest.mark.parametrize(
    "fields",
    [
        {"action": "prompt.cleared"},
        {"actor": "discord:mallory"},
        {"subject": "job:gen_x"},
        {"outcome": "allow"},
        {"detail": {"rule": "sexual.named", "score": "0.4"}},
        {"at": at(99)},
    ],
)
def test_an_edited_entry_is_found_whatever_was_edited(fields):
    log = a_log(9)
    log[4] = replace(log[4], entry=replace(log[4].entry, **fields))
    assert verify(log).first_bad == 5


def test_a_log_cut_short_is_found_by_a_head_even_if_it_says_so_itself(keys):
    log = a_log(20)
    heads = heads_of(keys, log, 10, 20)
    result = verify(log[:15], heads, expected=15)
    assert (result.entries, result.ok, result.first_bad) == (15, False, 16)


def test_a_log_that_is_longer_than_it_says_is_found():
    assert verify(a_log(20), expected=18).first_bad == 19


def test_a_log_written_anew_is_bad_from_behind_the_last_head_that_fits(keys):
    log = a_log(20)
    heads = heads_of(keys, log, 10, 20)
    forged = log[:12] + a_log(8, start=13, previous=chain(GENESIS, an_entry(1)))
    previous = log[11].hash
    for index in range(12, 20):
        entry = an_entry(index + 1, outcome="allow")
        previous = chain(previous, entry)
        forged[index] = ChainedEntry(number=index + 1, entry=entry, hash=previous)
    assert verify(forged, expected=20).ok
    assert verify(forged, heads, expected=20).first_bad == 11


def test_only_the_keys_holder_signs_heads(keys, tmp_path):
    (head,) = heads_of(keys, a_log(3), 3)
    stranger = load_or_create_audit_keys(tmp_path / "other.json")
    assert keys.is_genuine(head)
    assert not stranger.is_genuine(head)
    forged = [replace(head, entries=2), replace(head, hash=GENESIS), replace(head, at=at(0))]
    forged += [replace(head, signature="zz"), replace(head, signature="")]
    assert keys.sort([head, *forged]) == ([head], forged)


def test_a_replaced_key_still_verifies_what_it_signed(keys, tmp_path):
    path = tmp_path / "audit-keys.json"
    (old,) = heads_of(keys, a_log(3), 3)
    document = json.loads(path.read_text())
    ((kid, _),) = document.items()
    load_or_create_audit_keys(tmp_path / "new.json")
    other = json.loads((tmp_path / "new.json").read_text())
    public = keys.public[kid].public_bytes_raw().hex()
    path.write_text(json.dumps({kid: f"public:{public}", **other}))
    both = load_audit_keys(path)
    (new,) = heads_of(both, a_log(4), 4)
    assert new.key_id != old.key_id
    assert both.sort([old, new]) == ([old, new], [])


def test_the_key_file_is_for_its_owner_alone_and_made_once(tmp_path):
    path = tmp_path / "keys" / "audit.json"
    first = load_or_create_audit_keys(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert load_or_create_audit_keys(path).signing[0] == first.signing[0]
    assert [each.name for each in path.parent.iterdir()] == ["audit.json"]


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"a": "private:zz"}', '{"a": "b"}', '{"a": 1}'])
def test_a_file_without_keys_is_refused(tmp_path, text):
    path = tmp_path / "audit.json"
    path.write_text(text)
    with pytest.raises(AuditKeysUnusable):
        load_or_create_audit_keys(path)


def test_who_has_only_public_keys_cannot_sign(keys):
    reader = replace(keys, signing=None)
    with pytest.raises(AuditKeysUnusable):
        reader.sign(entries=1, last_hash=GENESIS, at=at(0))


@pytest.mark.parametrize("key", ["prompt", "token", "url", "secret"])
def test_what_is_never_recorded_has_no_place_in_an_entry(key):
    with pytest.raises(ValueError, match="never on record"):
        an_entry(detail={key: "x"})


def test_links_and_secrets_are_struck_out_and_long_values_cut():
    entry = an_entry(
        detail={
            "why": "see https://a.example/images/x.png?sig=abc now",
            "who": "key imp_live_AbCdEf was shown",
            "long": "x" * 999,
            "odd": "a\x00b\ud800c",
        }
    )
    assert entry.detail["why"] == "see [link] now"
    assert entry.detail["who"] == "key [secret] was shown"
    assert len(entry.detail["long"]) == 256
    assert entry.detail["odd"] == "a\ufffdb\ufffdc"


@pytest.mark.parametrize("action", ["", "Prompt", "a b", "a.", ".a", "a..b"])
def test_an_action_is_words_with_dots(action):
    with pytest.raises(ValueError, match="no action"):
        an_entry(action=action)


def test_an_entry_without_a_time_cannot_be_chained():
    with pytest.raises(ValueError, match="time"):
        chain(GENESIS, an_entry(at=None))


def test_the_hashed_form_does_not_depend_on_the_order_of_details():
    one = an_entry(detail={"a": "1", "b": "2"})
    other = an_entry(detail={"b": "2", "a": "1"})
    assert canonical(one) == canonical(other)


def test_the_hashed_form_never_changes():
    entry = an_entry(detail={"b": "ä", "a": "1"})
    written = (
        '{"action":"prompt.screened","actor":"discord:alice","at":"2026-01-01T12:00:01.000000+00:00",'
        '"detail":{"a":"1","b":"\\u00e4"},"outcome":"block","subject":"job:gen_1"}'
    )
    form = b"impasto audit entry 1\n" + bytes(32) + written.encode()
    assert chain(GENESIS, entry) == hashlib.sha256(form).hexdigest()
