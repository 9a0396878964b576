"""What is particular to some lists: proofs of banks, pages, redirects, formats, documents."""

import hashlib
import threading
import time
from io import BytesIO

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from safety.errors import HashListsInvalid, HashListUnusable
from safety.fingerprint import Fingerprint, fingerprint
from safety.hash_lists import WantedList, open_hash_list, read_hash_lists
from safety.listing.fetching import check_address
from safety.listing.held import HeldList
from safety.listing.reading import read_listed
from tests.fakes.hash_banks import hash_bank
from tests.unit.safety.pictures import made_picture

ONE, TWO = fingerprint(made_picture(1)), fingerprint(made_picture(2))


@pytest.fixture
def bank():
    with hash_bank() as running:
        yield running


def an_address(bank, folder, **more):
    proofs = more or {"sha256_url": f"{bank.url}/list.csv.sha256"}
    wanted = WantedList(
        name="bank", kind="http", folder=folder, url=f"{bank.url}/list.csv", **proofs
    )
    return open_hash_list(wanted, cache=folder / "cache")


def an_exchange(bank, folder):
    wanted = WantedList(name="bank", kind="exchange", folder=folder, url=f"{bank.url}/updates")
    return open_hash_list(wanted, cache=folder / "cache")


def lines(*prints):
    return "".join(f"{one.hex}\n" for one in prints).encode()


def news(*prints, at=1):
    return [
        {"id": str(n), "indicator": one.hex, "type": "HASH_PDQ", "last_updated": at + n}
        for n, one in enumerate(prints)
    ]


def test_a_bank_that_was_never_reached_holds_everything(bank, tmp_path):
    bank.status = 500
    listed = an_address(bank, tmp_path)
    with pytest.raises(HashListUnusable, match="unreachable"):
        listed.bank.refresh()
    assert listed.trouble() == "missing"


def test_an_unchanged_list_is_not_sent_again_but_is_fresh_again(bank, tmp_path):
    bank.listed = lines(ONE)
    listed = an_address(bank, tmp_path)
    listed.bank.refresh()
    before = (tmp_path / "cache/bank.csv").stat().st_mtime_ns
    listed.bank.refresh()
    assert bank.asked[-1][1]["if-none-match"]
    assert (tmp_path / "cache/bank.csv").stat().st_mtime_ns == before
    assert listed.find([ONE]).distance == 0


@pytest.mark.parametrize("proof", ["checksum", "signature"])
def test_what_is_not_what_its_bank_proves_changes_nothing(bank, tmp_path, proof):
    if proof == "checksum":
        listed = an_address(bank, tmp_path)
    else:
        listed = an_address(bank, tmp_path, public_key=bank.public_key)
    bank.listed = lines(ONE)
    listed.bank.refresh()
    bank.listed = lines(TWO)
    bank.digest = hashlib.sha256(b"something else").hexdigest()
    bank.key = Ed25519PrivateKey.generate()
    with pytest.raises(HashListUnusable, match="untrustworthy"):
        listed.bank.refresh()
    assert listed.find([ONE]) is not None
    assert listed.find([TWO]) is None


def test_a_list_that_cannot_be_read_does_not_replace_one_that_can(bank, tmp_path):
    listed = an_address(bank, tmp_path)
    bank.listed = lines(ONE)
    listed.bank.refresh()
    bank.listed = b"<html>Sign in</html>\n"
    with pytest.raises(HashListUnusable, match="untrustworthy"):
        listed.bank.refresh()
    assert listed.find([ONE]) is not None


def test_a_bank_that_sends_elsewhere_is_not_followed(bank, tmp_path):
    with hash_bank() as elsewhere:
        elsewhere.listed = lines(ONE)
        bank.redirects_to = f"{elsewhere.url}/list.csv"
        with pytest.raises(HashListUnusable, match="unreachable"):
            an_address(bank, tmp_path).bank.refresh()
        assert elsewhere.asked == []


def test_a_list_behind_an_address_without_any_proof_is_not_opened(bank, tmp_path):
    wanted = WantedList(name="bank", kind="http", folder=tmp_path, url=f"{bank.url}/list.csv")
    with pytest.raises(HashListsInvalid, match="sha256_url or public_key"):
        open_hash_list(wanted, cache=tmp_path)


@pytest.mark.parametrize("url", ["http://bank.example/x", "ftp://bank.example/x", "file:///etc/x"])
def test_a_bank_is_asked_over_tls(url):
    with pytest.raises(ValueError, match="https"):
        check_address(url)


def test_all_pages_of_an_exchange_are_read_and_only_news_the_next_time(bank, tmp_path):
    prints = [fingerprint(made_picture(number)) for number in range(5)]
    bank.updates = news(*prints)
    listed = an_exchange(bank, tmp_path)
    listed.bank.refresh()
    assert len(bank.asked) == 3
    assert all(listed.find([one]) for one in prints)
    listed.bank.refresh()
    assert "start_time=5" in bank.asked[3][0]
    assert all(listed.find([one]) for one in prints)


def test_an_exchange_whose_next_page_is_somewhere_else_changes_nothing(bank, tmp_path):
    bank.updates = news(ONE)
    listed = an_exchange(bank, tmp_path)
    listed.bank.refresh()
    bank.updates += news(TWO, ONE, TWO, at=10)
    with hash_bank() as elsewhere:
        bank.next_page_at = elsewhere.url
        with pytest.raises(HashListUnusable, match="unreachable"):
            listed.bank.refresh()
        assert elsewhere.asked == []
    assert listed.find([TWO]) is None


def test_other_kinds_of_hashes_in_an_exchange_are_passed_over(bank, tmp_path):
    bank.updates = [*news(ONE), {"id": "v", "indicator": "ab", "type": "HASH_MD5"}]
    bank.updates[-1]["last_updated"] = 3
    listed = an_exchange(bank, tmp_path)
    listed.bank.refresh()
    assert listed.find([ONE]) is not None


def test_whoever_looks_has_an_old_bank_asked_again_in_the_background(bank, tmp_path):
    bank.listed = lines(ONE)
    listed = an_address(bank, tmp_path)
    assert listed.trouble() in ("missing", "")
    deadline = time.monotonic() + 20
    while listed.trouble() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert listed.find([ONE]) is not None


@pytest.mark.parametrize(
    "text",
    [
        "{a}\n{b}\n",
        "{a}\n{b}",
        "\ufeff{a}\r\n\r\n{b}\r\n",
        "# ours\n{a},first\n{b},second\n",
        "id,quality,pdq\nfirst,90,{a}\nsecond,80,{b}\n",
        'hash,id\n"{a}","first"\n{b},second\n',
    ],
)
def test_lists_are_read_in_every_form_that_is_told(text):
    listed = read_listed(BytesIO(text.format(a=ONE.hex, b=TWO.hex).encode()))
    match = listed.nearest("list", [TWO])
    assert match.entry == ("second" if "second" in text else TWO.hex)


@pytest.mark.parametrize(
    "text", ["{a}\n{b}ff\n", "{a}\nzz" + "0" * 62 + "\n", "{a} {b}\n", "{a}\n" + "0" * 63 + " \n"]
)
def test_half_a_list_is_no_list(text):
    with pytest.raises(ValueError, match=r".*"):
        read_listed(BytesIO(text.format(a=ONE.hex, b=TWO.hex).encode()))


@pytest.mark.parametrize("has_ids", [False, True])
def test_a_list_of_many_megabytes_is_read_whole(has_ids):
    many = np.random.default_rng(1).integers(0, 256, (60_000, 32), dtype=np.uint8)
    rows = [bits.tobytes().hex() for bits in many]
    if has_ids:
        rows = ["pdq,id", *(f"{hash_},entry-{n}" for n, hash_ in enumerate(rows))]
    listed = read_listed(BytesIO("".join(f"{row}\n" for row in rows).encode()))
    assert len(listed) == 60_000
    for row in (0, 31_000, 59_999):
        sought = Fingerprint(many[row].tobytes(), 100)
        match = listed.nearest("list", [TWO, sought])
        assert match.entry == (f"entry-{row}" if has_ids else sought.hex)


def test_a_broken_line_far_inside_a_list_makes_it_no_list():
    rows = [f"{ONE.hex},entry-{n}\n" for n in range(40_000)]
    rows[39_000] = "neither a hash nor a comment\n"
    with pytest.raises(ValueError, match="entry 39001"):
        read_listed(BytesIO("".join(rows).encode()))


@pytest.mark.parametrize("data", [b"0" * 2_000_000, f"{ONE.hex},{'i' * 129}\n".encode()])
def test_a_line_or_an_id_without_end_is_refused(data):
    with pytest.raises(ValueError, match=r"never ends|has no id"):
        read_listed(BytesIO(data))


def test_a_large_list_that_changes_is_read_aside_while_the_old_one_serves(tmp_path):
    path, random = tmp_path / "large.csv", np.random.default_rng(1)
    many = random.integers(0, 256, (70_000, 32), dtype=np.uint8)
    text = b"".join(bytes(row).hex().encode() + b"\n" for row in many)
    path.write_bytes(text + lines(ONE))
    held = HeldList(name="large", path=path)
    assert held.find([ONE]) is not None
    path.write_bytes(text + lines(TWO, ONE))
    assert held.find([ONE]) is not None
    deadline = time.monotonic() + 30
    while held.find([TWO]) is None and time.monotonic() < deadline:
        threading.Event().wait(0.02)
    assert held.find([TWO]) is not None


def a_document(folder, text):
    path = folder / "lists.toml"
    path.write_text(text)
    return read_hash_lists(path)


def test_a_document_names_lists_of_every_kind(tmp_path):
    wanted = a_document(
        tmp_path,
        """
        [[list]]
        name = "ours"
        kind = "file"
        path = "ours.csv"
        category = "removed_picture"

        [[list]]
        name = "theirs"
        kind = "exchange"
        url = "https://exchange.example/updates"
        stale_after_days = 2
        """,
    )
    assert [(one.name, one.kind, one.category) for one in wanted] == [
        ("ours", "file", "removed_picture"),
        ("theirs", "exchange", "child_safety"),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "[[list]]\nname = 'a'\nkind = 'carrier pigeon'\npath = 'x'",
        "[[list]]\nname = 'a'\nkind = 'file'",
        "[[list]]\nname = 'A list'\nkind = 'file'\npath = 'x'",
        "[[list]]\nname = 'a'\nkind = 'file'\npath = 'x'\ncolour = 'red'",
        "[[list]]\nname = 'a'\nkind = 'file'\npath = 'x'\nstale_after_days = 0",
        2 * "[[list]]\nname = 'a'\nkind = 'file'\npath = 'x'\n",
        "[lists]",
        "not toml",
    ],
)
def test_a_document_that_says_what_no_list_has_is_refused(tmp_path, text):
    with pytest.raises(HashListsInvalid):
        a_document(tmp_path, text)
