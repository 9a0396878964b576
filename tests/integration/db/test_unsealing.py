"""`impasto reports unseal` and `drop`: over a store, a key and a database of their own."""

import asyncio
import stat
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from backend.bootstrap.images import open_objects
from backend.bootstrap.servers import now, open_database
from backend.cli import main
from backend.db.stores import SqlAuditLog, SqlSafetyReportStore
from backend.settings import Settings
from safety.moderation.audit import AuditEntry
from safety.moderation.quarantine import load_or_create_quarantine_key, seal
from storage.errors import ObjectNotFound
from storage.sealed import SealedObjects
from tests.builders import a_listed_finding

PIXELS = b"pixels of nothing"
REASON = "report T-77"


class House:
    """A home with one finding, of which two pictures are sealed."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.settings = Settings()
        self.sealed = SealedObjects(objects=open_objects(self.settings))
        self.key = load_or_create_quarantine_key(self.settings.quarantine_key_file)
        self.keys = tuple(self.sealed.key_of("gen_1-1", index) for index in range(2))
        for index, key in enumerate(self.keys):
            data = PIXELS + str(index).encode()
            self.sealed.keep(key, seal(data, to=self.key.public_key(), about=key))
        self.report = a_listed_finding(evidence=self.keys)
        assert main(["reports", "list"]) == 0
        asyncio.run(self._file())

    async def _file(self) -> None:
        async with open_database(self.settings) as database:
            await SqlSafetyReportStore(database=database).add(self.report)

    def change(self, **fields: object) -> None:
        async def go() -> None:
            async with open_database(self.settings) as database:
                store = SqlSafetyReportStore(database=database)
                await store.change("gen_1", lambda old: replace(old, **fields))

        asyncio.run(go())

    def last(self, action: str) -> AuditEntry | None:
        async def read() -> AuditEntry | None:
            async with open_database(self.settings) as database:
                return await SqlAuditLog(database=database).last(action, "job:gen_1")

        return asyncio.run(read())

    def unseal(self, *words: str) -> int:
        return main(["reports", "unseal", "gen_1", *words])

    @property
    def are_kept(self) -> bool:
        return all(self.sealed.read(key) for key in self.keys)


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> House:
    monkeypatch.setenv("IMPASTO_HOME", str(tmp_path / "home"))
    return House(tmp_path / "home")


def test_a_sealed_picture_is_opened_into_a_file_for_its_owner_alone_and_on_record(
    house: House, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    target = tmp_path / "evidence.png"
    assert house.unseal("--reason", REASON, "--to", str(target), "--picture", "1") == 0
    assert target.read_bytes() == PIXELS + b"1"
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    entry = house.last("child_safety.unsealed")
    assert entry is not None
    assert entry.actor.startswith("operator:")
    assert (entry.detail["reason"], entry.detail["key"]) == (REASON, house.keys[1])
    assert PIXELS.decode() not in capsys.readouterr().out
    assert house.are_kept


@pytest.mark.parametrize("words", [[], ["--reason", " "], ["--reason", "x" * 501]])
def test_without_a_reason_nothing_is_opened(house: House, tmp_path: Path, words: list[str]):
    target = tmp_path / "evidence.png"
    assert house.unseal(*words, "--to", str(target)) == 2
    assert not target.exists()
    assert house.last("child_safety.unsealed") is None


def test_what_is_there_already_is_not_written_over(house: House, tmp_path: Path):
    target = tmp_path / "evidence.png"
    target.write_bytes(b"mine")
    assert house.unseal("--reason", REASON, "--to", str(target)) == 2
    assert target.read_bytes() == b"mine"
    assert house.last("child_safety.unsealed") is None


def test_a_picture_that_was_not_sealed_is_refused(house: House, tmp_path: Path):
    target = tmp_path / "evidence.png"
    assert house.unseal("--reason", REASON, "--to", str(target), "--picture", "2") == 2
    house.change(evidence=())
    assert house.unseal("--reason", REASON, "--to", str(target)) == 2
    assert not target.exists()


def test_without_the_key_nothing_is_opened_and_none_is_made(
    house: House, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    key_file = house.settings.quarantine_key_file
    elsewhere = key_file.rename(tmp_path / "elsewhere.key")
    target = tmp_path / "evidence.png"
    assert house.unseal("--reason", REASON, "--to", str(target)) == 2
    assert not key_file.exists()
    other = tmp_path / "other.key"
    load_or_create_quarantine_key(other)
    words = ("--reason", REASON, "--to", str(target))
    assert house.unseal(*words, "--key", str(other)) == 2
    assert "does not open" in capsys.readouterr().err
    assert not target.exists()
    assert house.unseal(*words, "--key", str(elsewhere)) == 0
    assert target.read_bytes() == PIXELS + b"0"


def test_a_file_that_cannot_be_written_is_told_so(house: House, tmp_path: Path):
    target = tmp_path / "nowhere" / "evidence.png"
    assert house.unseal("--reason", REASON, "--to", str(target)) == 2


@pytest.mark.parametrize("is_reported", [False, True])
def test_what_must_be_preserved_is_not_dropped(
    house: House, capsys: pytest.CaptureFixture[str], *, is_reported: bool
):
    if is_reported:
        assert main(["reports", "mark-reported", "gen_1", "T-77"]) == 0
        assert main(["reports", "release", "gen_1", "--reason", "withdrawn"]) == 0
    assert main(["reports", "drop", "gen_1", "--reason", "old"]) == 2
    assert "preserved" in capsys.readouterr().err
    assert house.are_kept
    assert house.last("child_safety.dropped") is None


@pytest.mark.parametrize("is_released", [False, True])
def test_what_need_not_be_preserved_any_more_is_dropped_and_on_record(
    house: House, *, is_released: bool
):
    if is_released:
        assert main(["reports", "release", "gen_1", "--reason", "withdrawn"]) == 0
    else:
        house.change(preserved_until=now() - timedelta(seconds=1))
    assert main(["reports", "drop", "gen_1", "--reason", "the year is over"]) == 0
    for key in house.keys:
        with pytest.raises(ObjectNotFound):
            house.sealed.read(key)
    entry = house.last("child_safety.dropped")
    assert entry is not None
    assert entry.detail["reason"] == "the year is over"
