"""What every list of known pictures does, on made pictures and made banks."""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from safety.errors import HashListUnusable
from safety.fingerprint import Fingerprint, dihedrals, fingerprint
from safety.hash_list import HashList
from safety.hash_lists import WantedList, open_hash_list, open_own_list
from safety.listing.bank import BankHashList
from tests.fakes.hash_banks import HashBank, hash_bank
from tests.unit.safety.pictures import made_picture

DAY_S = 24 * 3600.0
LISTED = {fingerprint(made_picture(number)).hex: f"entry-{number}" for number in range(5)}

Kind = str


class Time:
    """A clock that a test sets forward."""

    def __init__(self) -> None:
        self.now = time.time()

    def __call__(self) -> float:
        return self.now


@dataclass
class Book:
    """A list that knows `LISTED`, and what happens to it."""

    listed: HashList
    put: Callable[[Mapping[str, str]], None]
    spoil: Callable[[], None]


def as_csv(entries: Mapping[str, str]) -> bytes:
    return "\n".join(["hash,id", *(f"{a},{b}" for a, b in entries.items()), ""]).encode()


def refresh(listed: HashList) -> None:
    """Have a bank asked now; a refusal shows when something is looked up."""
    if isinstance(listed, BankHashList):
        try:
            listed.bank.refresh()
        except HashListUnusable:
            return


def a_file(folder: Path, clock: Time, entries: Mapping[str, str]) -> Book:
    path = folder / "list.csv"
    path.write_bytes(as_csv(entries))
    wanted = WantedList(name="book", kind="file", folder=folder, path="list.csv")
    listed = open_hash_list(wanted, cache=folder / "cache", clock=clock)
    return Book(
        listed,
        put=lambda entries: void(path.write_bytes(as_csv(entries))),
        spoil=lambda: void(path.write_bytes(b"hash,id\nnot a hash,1\n")),
    )


def void(_result: object) -> None:
    """Drop a result."""


def an_address(folder: Path, clock: Time, entries: Mapping[str, str], bank: HashBank) -> Book:
    bank.listed = as_csv(entries)
    wanted = WantedList(
        name="book",
        kind="http",
        folder=folder,
        url=f"{bank.url}/list.csv",
        sha256_url=f"{bank.url}/list.csv.sha256",
        public_key=bank.public_key,
    )
    listed = open_hash_list(wanted, cache=folder / "cache", clock=clock)

    def put(entries: Mapping[str, str]) -> None:
        bank.status = 200
        bank.listed = as_csv(entries)
        refresh(listed)

    def spoil() -> None:
        bank.status = 503
        (folder / "cache/book.csv").write_bytes(b"hash,id\nnot a hash,1\n")

    refresh(listed)
    return Book(listed, put=put, spoil=spoil)


def updates(entries: Mapping[str, str], *, at: int) -> list[dict[str, Any]]:
    return [
        {"id": entry, "indicator": hash_, "type": "HASH_PDQ", "last_updated": at + number}
        for number, (hash_, entry) in enumerate(entries.items())
    ]


def an_exchange(folder: Path, clock: Time, entries: Mapping[str, str], bank: HashBank) -> Book:
    bank.updates = updates(entries, at=100)
    bank.token = "secret"  # noqa: S105 - a test's
    (folder / "token").write_text("secret\n")
    wanted = WantedList(
        name="book",
        kind="exchange",
        folder=folder,
        url=f"{bank.url}/updates",
        token_file="token",  # noqa: S106 - a test's
    )
    listed = open_hash_list(wanted, cache=folder / "cache", clock=clock)

    def put(entries: Mapping[str, str]) -> None:
        bank.status = 200
        gone = [one | {"should_delete": True, "last_updated": 900} for one in bank.updates]
        bank.updates = gone + updates(entries, at=1000)
        refresh(listed)

    def spoil() -> None:
        bank.status = 503
        (folder / "cache/book.csv").write_bytes(b"hash,id\nnot a hash,1\n")

    refresh(listed)
    return Book(listed, put=put, spoil=spoil)


def an_own(folder: Path, clock: Time, entries: Mapping[str, str]) -> Book:
    blocked = dict(entries)
    listed = open_own_list(lambda: blocked)
    # So that what changes shows at once.
    listed._refresh_s = 0.0  # type: ignore[attr-defined]

    def put(entries: Mapping[str, str]) -> None:
        blocked.clear()
        blocked.update(entries)

    return Book(listed, put=put, spoil=lambda: blocked.update({"not a hash": "1"}))


@pytest.fixture
def clock() -> Time:
    return Time()


@pytest.fixture(params=["file", "http", "exchange", "own"])
def kind(request: pytest.FixtureRequest) -> Kind:
    return str(request.param)


@pytest.fixture
def bank() -> Iterator[HashBank]:
    with hash_bank() as running:
        yield running


@pytest.fixture
def book(kind: Kind, tmp_path: Path, clock: Time, bank: HashBank) -> Book:
    match kind:
        case "file":
            return a_file(tmp_path, clock, LISTED)
        case "http":
            return an_address(tmp_path, clock, LISTED, bank)
        case "exchange":
            return an_exchange(tmp_path, clock, LISTED, bank)
        case _:
            return an_own(tmp_path, clock, LISTED)


def changed(one: Fingerprint, bits: int) -> Fingerprint:
    number = int.from_bytes(one.bits) ^ ((1 << bits) - 1)
    return Fingerprint(number.to_bytes(32), one.quality)


def test_a_listed_picture_is_found_with_its_entry_and_distance(book: Book):
    sought = fingerprint(made_picture(3))
    match = book.listed.find([changed(sought, 7)])
    assert match is not None
    assert (match.list_name, match.entry, match.distance) == (book.listed.name, "entry-3", 7)
    assert match.fingerprint == changed(sought, 7).hex


def test_the_nearest_of_several_fingerprints_is_told(book: Book):
    prints = [changed(fingerprint(made_picture(1)), 20), *dihedrals(made_picture(2))]
    match = book.listed.find(prints)
    assert match is not None
    assert (match.entry, match.distance) == ("entry-2", 0)


@pytest.mark.parametrize(("bits", "is_found"), [(31, True), (32, False)])
def test_a_copy_is_at_most_31_bits_away(book: Book, bits: int, is_found: bool):  # noqa: FBT001 - a parameter
    found = book.listed.find([changed(fingerprint(made_picture(0)), bits)])
    assert (found is not None) == is_found


@pytest.mark.parametrize(("quality", "is_found"), [(50, True), (49, False)])
def test_a_picture_of_too_little_is_nobodys_copy(book: Book, quality: int, is_found: bool):  # noqa: FBT001 - a parameter
    flat = Fingerprint(fingerprint(made_picture(0)).bits, quality)
    assert (book.listed.find([flat]) is not None) == is_found


def test_another_picture_is_not_found(book: Book):
    assert book.listed.find(dihedrals(made_picture(77))) is None
    assert book.listed.trouble() == ""


def test_what_is_added_is_found_and_what_is_withdrawn_is_not(book: Book):
    book.put({fingerprint(made_picture(9)).hex: "entry-9"})
    assert book.listed.find([fingerprint(made_picture(9))]) is not None
    assert book.listed.find([fingerprint(made_picture(0))]) is None


def test_a_corrupt_list_is_no_list(book: Book):
    book.spoil()
    assert book.listed.trouble() == "corrupt"
    with pytest.raises(HashListUnusable, match="corrupt"):
        book.listed.find([fingerprint(made_picture(0))])


def test_a_corrupt_list_that_is_whole_again_serves_again(book: Book):
    book.spoil()
    assert book.listed.trouble() == "corrupt"
    book.put({})
    book.put(LISTED | {fingerprint(made_picture(9)).hex: "entry-9"})
    assert book.listed.find([fingerprint(made_picture(9))]) is not None


def test_an_empty_list_of_somebody_elses_is_no_list(book: Book, kind: Kind):
    book.put({})
    if kind == "own":
        assert book.listed.find([fingerprint(made_picture(0))]) is None
        return
    assert book.listed.trouble() == "empty"
    with pytest.raises(HashListUnusable, match="empty"):
        book.listed.find([fingerprint(made_picture(0))])


def test_a_list_of_somebody_elses_is_stale_after_seven_days(
    book: Book, kind: Kind, clock: Time, bank: HashBank
):
    bank.status = 503
    if kind == "own":
        return
    clock.now += 7 * DAY_S - 60
    assert book.listed.trouble() == ""
    clock.now += 120
    assert book.listed.trouble() == "stale"
    with pytest.raises(HashListUnusable, match="stale"):
        book.listed.find([fingerprint(made_picture(0))])
