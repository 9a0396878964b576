"""Signed heads over both databases: what they prove that the chain alone does not."""

from collections.abc import Callable
from pathlib import Path

import pytest

from backend.db.audit_log import append
from backend.db.audit_seal import AuditSeal
from backend.db.audit_store import SqlAuditLog
from backend.db.sessions import Database
from safety.moderation.audit import GENESIS, Head
from safety.moderation.audit_anchor import read_heads
from safety.moderation.audit_keys import load_or_create_audit_keys
from tests.builders import at
from tests.integration.db.test_audit_log import (
    an_entry,
    filled,
    tamper,
    without_triggers,
)


def clock():
    return at(100)


@pytest.fixture
def log(database: Database) -> SqlAuditLog:
    return SqlAuditLog(database=database)


@pytest.fixture
def seal(log: SqlAuditLog, tmp_path) -> AuditSeal:
    return AuditSeal(
        log=log, keys_file=tmp_path / "keys.json", anchor_file=tmp_path / "heads.jsonl"
    )


async def heads(log: SqlAuditLog) -> list[int]:
    async with log.reading() as reading:
        return [head.entries for head in await reading.heads()]


async def rewrite(database: Database, log: SqlAuditLog, *, upto: int, edit: Callable) -> None:
    """Write the whole log anew, edited, with a chain that fits: the strongest forgery there is."""
    async with log.reading() as reading:
        entries = [chained.entry async for chained in reading.entries()][:upto]
    async with database.write() as session:
        connection = await session.connection()
        await connection.exec_driver_sql("DELETE FROM audit_entries")
        await connection.exec_driver_sql(
            f"UPDATE audit_tip SET entries = 0, hash = '{GENESIS}'"  # noqa: S608 - a constant
        )
        for entry in entries:
            append(session, edit(entry))


async def without_all_triggers(database: Database) -> None:
    await without_triggers(database)
    if database.kind == "sqlite":
        await tamper(
            database, "DROP TRIGGER audit_heads_no_delete", "DROP TRIGGER audit_heads_no_update"
        )


async def signed_by_a_stranger(log: SqlAuditLog, folder: Path) -> Head:
    keys = load_or_create_audit_keys(folder / "theirs.json")
    tip = await log.tip()
    return keys.sign(entries=tip.entries, last_hash=tip.hash, at=clock())


async def test_a_head_is_signed_once_until_there_is_more(log, seal, tmp_path):
    assert await seal.seal(clock) is None
    await filled(log, 3)
    head = await seal.seal(clock)
    assert head is not None
    assert (head.entries, head.hash) == (3, (await log.tip()).hash)
    assert await seal.seal(clock) is None
    await filled(log, 2)
    await seal.seal(clock)
    assert await heads(log) == [3, 5]
    assert [each.entries for each in read_heads(tmp_path / "heads.jsonl")] == [3, 5]
    assert (await seal.verify()).ok


async def test_the_block_signs_now_and_then_and_at_its_end(log, seal):
    await filled(log, 1)
    async with seal.kept(clock, every_s=0.01):
        for _ in range(500):
            if await heads(log):
                break
        assert await heads(log) == [1]
        await log.record(an_entry(2))
    assert (await heads(log))[-1] == 2
    assert (await seal.verify()).ok


async def test_a_log_written_anew_without_a_trace_is_given_away_by_a_head(database, log, seal):
    await filled(log, 4)
    await seal.seal(clock)
    await filled(log, 4)
    await seal.seal(clock)
    await without_all_triggers(database)
    await rewrite(
        database,
        log,
        upto=8,
        edit=lambda e: an_entry(6, outcome="forged") if e.subject == "thing:2" else e,
    )
    found = await seal.verify()
    assert (found.ok, found.first_bad) == (False, 1)


async def test_a_log_cut_short_together_with_its_heads_is_given_away_by_the_anchor(
    database, log, seal
):
    await filled(log, 6)
    await seal.seal(clock)
    await without_all_triggers(database)
    await tamper(database, "DELETE FROM audit_heads")
    await rewrite(database, log, upto=4, edit=lambda entry: entry)
    found = await seal.verify()
    assert (found.entries, found.ok, found.first_bad) == (4, False, 5)


async def test_nothing_is_signed_over_what_somebody_mended(database, log, seal):
    await filled(log, 2)
    await seal.seal(clock)
    await filled(log, 4)
    await without_all_triggers(database)
    await tamper(database, "UPDATE audit_entries SET outcome = 'x' WHERE number = 4")
    assert await seal.seal(clock) is None
    assert await heads(log) == [2]
    found = await seal.verify()
    assert (found.ok, found.first_bad) == (False, 4)


async def test_a_head_that_nobody_we_know_signed_is_not_taken(database, log, seal, tmp_path):
    await filled(log, 3)
    await seal.seal(clock)
    await filled(log, 1)
    await log.add_head(await signed_by_a_stranger(log, tmp_path))
    found = await seal.verify()
    assert (found.ok, found.first_bad) == (False, 4)
    assert "no key" in found.reason


async def test_nothing_is_signed_on_the_word_of_a_head_that_is_not_ours(
    database, log, seal, tmp_path
):
    await filled(log, 3)
    await seal.seal(clock)
    await without_all_triggers(database)
    await rewrite(database, log, upto=3, edit=lambda e: an_entry(1, outcome="forged"))
    await tamper(database, "DELETE FROM audit_heads")
    await log.add_head(await signed_by_a_stranger(log, tmp_path))
    await filled(log, 1)
    assert await seal.seal(clock) is None
    assert [head.entries for head in read_heads(tmp_path / "heads.jsonl")] == [3]


@pytest.mark.parametrize("kept", [0, 1])
async def test_nothing_is_signed_over_a_log_whose_heads_are_taken_back(
    database, log, seal, kept, tmp_path
):
    for _ in range(2):
        await filled(log, 2)
        await seal.seal(clock)
    await without_all_triggers(database)
    await tamper(database, f"DELETE FROM audit_heads WHERE sequence > {kept}")  # noqa: S608
    await rewrite(database, log, upto=4, edit=lambda e: e if e.at == at(1) else an_entry(7))
    await filled(log, 3)
    assert await seal.seal(clock) is None
    assert [head.entries for head in read_heads(tmp_path / "heads.jsonl")] == [2, 4]
    assert not (await seal.verify()).ok


async def test_nothing_is_signed_that_ends_in_another_hash_than_its_last_entry(database, log, seal):
    await filled(log, 2)
    await without_all_triggers(database)
    await tamper(database, f"UPDATE audit_tip SET hash = '{GENESIS}'")  # noqa: S608
    assert await seal.seal(clock) is None


async def test_a_log_of_which_all_heads_are_gone_is_told_by_the_key_that_signed_them(
    database, log, seal, tmp_path
):
    await filled(log, 3)
    await seal.seal(clock)
    await without_all_triggers(database)
    await rewrite(database, log, upto=3, edit=lambda e: an_entry(1, outcome="forged"))
    await tamper(database, "DELETE FROM audit_heads")
    (tmp_path / "heads.jsonl").unlink()
    found = await seal.verify()
    assert (found.ok, found.reason) == (False, "its signed heads are gone")


async def test_without_its_keys_nobody_vouches_for_a_signed_log(log, seal, tmp_path):
    await filled(log, 3)
    assert (await seal.verify()).ok
    await seal.seal(clock)
    (tmp_path / "keys.json").unlink()
    found = await seal.verify()
    assert (found.entries, found.ok, found.first_bad) == (3, False, None)
    assert "keys.json" in found.reason


async def test_an_anchor_that_was_scribbled_on_is_told(log, seal, tmp_path):
    await filled(log, 3)
    await seal.seal(clock)
    with (tmp_path / "heads.jsonl").open("a") as file:
        file.write("{}\n")
    found = await seal.verify()
    assert not found.ok
    assert "line 2" in found.reason


@pytest.mark.parametrize(
    "change",
    [
        "action = 'No Action!'",
        "actor = 'a' || char(1)",
        "subject = 'see https://example.org/x'",
        'detail = \'{"prompt": "x"}\'',
        "detail = '{\"rule\": 7}'",
        "detail = '[1]'",
        "outcome = 'imp_live_abc'",
        "hash = 'x'",
    ],
)
async def test_an_entry_changed_into_what_none_can_be_is_named(database, log, seal, change):
    if database.kind == "postgresql":
        change = change.replace("char(1)", "chr(1)")
    await filled(log, 2)
    await log.record(an_entry(3, actor="a\x01", subject="see https://example.com/y", outcome="x"))
    await log.record(an_entry(4, outcome="imp_live_xyz"))
    number = 4 if "imp_live" in change else 3
    await seal.seal(clock)
    await without_all_triggers(database)
    await tamper(database, f"UPDATE audit_entries SET {change} WHERE number = {number}")  # noqa: S608
    found = await seal.verify()
    assert (found.entries, found.ok, found.first_bad) == (4, False, number)
    await log.record(an_entry(5))
    assert await seal.seal(clock)


@pytest.mark.parametrize("change", ["at = 'once'", "detail = '{'", "actor = x'00ff'"])
async def test_an_entry_that_cannot_even_be_read_is_named(database, log, seal, change):
    """SQLite keeps whatever it is given in whatever column."""
    if database.kind == "postgresql":
        change = "actor = ''"
    await filled(log, 5)
    await without_all_triggers(database)
    await tamper(database, f"UPDATE audit_entries SET {change} WHERE number = 4")  # noqa: S608
    found = await seal.verify()
    assert (found.entries, found.ok, found.first_bad) == (5, False, 4)
    assert await seal.seal(clock) is None


@pytest.mark.parametrize("change", ["at = 'once'", "signature = x'00'", "hash = 'x'"])
async def test_a_head_that_is_none_any_more_is_told(database, log, seal, change, tmp_path):
    if database.kind == "postgresql":
        change = "signature = 'x'"
    await filled(log, 2)
    await seal.seal(clock)
    await without_all_triggers(database)
    await tamper(database, f"UPDATE audit_heads SET {change}")  # noqa: S608
    await filled(log, 1)
    assert not (await seal.verify()).ok
    async with seal.kept(clock):
        pass
    assert [head.entries for head in read_heads(tmp_path / "heads.jsonl")] == [2]
