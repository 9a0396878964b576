"""Signs heads of the audit log while a process runs, and verifies the log against all of them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final

import structlog

from backend.db.audit_store import AuditReading, SqlAuditLog
from backend.domain.errors import Unavailable
from backend.service.meanwhile import in_rounds, meanwhile
from backend.service.ports import Clock
from safety.errors import AnchorUnusable, AuditKeysUnusable
from safety.moderation.audit import Head, Verification, Verifier
from safety.moderation.audit_anchor import append_head, newest_head, read_heads
from safety.moderation.audit_keys import AuditKeys, load_audit_keys, load_or_create_audit_keys

SEAL_EVERY_S: Final = 60.0

_log = structlog.get_logger(__name__)


class AuditSeal:
    """The signed heads of one log: its keys' file, and the anchor beside the database."""

    def __init__(self, *, log: SqlAuditLog, keys_file: Path, anchor_file: Path) -> None:
        self._audit = log
        self._keys_file = keys_file
        self._anchor_file = anchor_file

    async def seal(self, clock: Clock) -> Head | None:
        """Sign how far the log has come, unless nothing was added or what was does not verify.

        It is gone on from the newest head that is genuine. A head in the database that is not, or
        one missing there that the anchor has, is somebody's work, and nothing is signed over it.

        Raises:
            Unavailable: the database does not answer.
            AuditKeysUnusable, AnchorUnusable: a file cannot be used.

        """
        # Before the database, where each head is written first.
        anchored = await asyncio.to_thread(newest_head, self._anchor_file)
        async with self._audit.reading() as reading:
            newest, tip = await reading.newest_head(), await reading.tip()
            if newest is None and not tip.entries and anchored is None:
                return None
            keys = await asyncio.to_thread(load_or_create_audit_keys, self._keys_file)
            found = Verification(entries=0, ok=False, reason=_doubt(keys, newest, anchored))
            if not found.reason:
                verifier = Verifier(expected=tip.entries, start=newest)
                found = await _walk(reading, verifier)
                if found.ok and verifier.last_hash != tip.hash:
                    found = replace(found, ok=False, reason="its end is not its last entry")
        if not found.ok:
            # A signature would vouch for what somebody has made of the log.
            _log.error("audit_log_does_not_verify", first_bad=found.first_bad, why=found.reason)
            return None
        if tip.entries <= (newest.entries if newest else 0):
            return None
        head = keys.sign(entries=tip.entries, last_hash=tip.hash, at=clock())
        await self._audit.add_head(head)
        await asyncio.to_thread(append_head, self._anchor_file, head)
        return head

    async def verify(self) -> Verification:
        """Verify the whole log against the heads in the database and in the anchor file.

        Where heads or keys cannot be read, nobody vouches for the log, and it is not ok.

        Raises:
            Unavailable: the database does not answer.

        """
        async with self._audit.reading() as reading:
            tip, heads, spoilt = await reading.tip(), [], ""
            try:
                heads = await reading.heads()
            except AnchorUnusable as error:
                spoilt = str(error)
            genuine, others, trouble = await asyncio.to_thread(self._sort, heads)
            trouble = spoilt or trouble
            found = await _walk(reading, Verifier(genuine, expected=tip.entries))
        if found.ok and trouble:
            return replace(found, ok=False, reason=trouble)
        return _doubted(found, others) if others else found

    def _sort(self, heads: list[Head]) -> tuple[list[Head], list[Head], str]:
        """Part the heads in the database and in the anchor into genuine ones and others."""
        try:
            heads = [*heads, *read_heads(self._anchor_file)]
            if not heads:
                # Its key is made together with the first head, and heads are never taken away.
                is_gone = self._keys_file.exists()
                return [], [], "its signed heads are gone" if is_gone else ""
            return *load_audit_keys(self._keys_file).sort(heads), ""
        except (AuditKeysUnusable, AnchorUnusable) as error:
            return [], [], str(error)

    @asynccontextmanager
    async def kept(self, clock: Clock, *, every_s: float = SEAL_EVERY_S) -> AsyncIterator[None]:
        """Sign now and then while in the block, and at its end."""
        try:
            rounds = in_rounds(
                partial(self._try, clock), every_s=every_s, name="audit seal", at_once=False
            )
            async with meanwhile(rounds):
                yield
        finally:
            await self._try(clock)

    async def _try(self, clock: Clock) -> None:
        try:
            await self.seal(clock)
        except (Unavailable, AuditKeysUnusable, AnchorUnusable) as error:
            _log.warning("audit_log_not_sealed", why=str(error) or type(error).__name__)


async def _walk(reading: AuditReading, verifier: Verifier) -> Verification:
    async for chained in reading.entries(after=verifier.entries):
        verifier.add(chained)
    return verifier.finish()


def _doubt(keys: AuditKeys, newest: Head | None, anchored: Head | None) -> str:
    """Return why nobody should go on from the database's newest head, "" if all is well."""
    for head in (newest, anchored):
        if head is not None and not keys.is_genuine(head):
            return _stranger(head)
    if anchored is None or (newest is not None and anchored.entries < newest.entries):
        return ""
    if newest is None or (anchored.entries, anchored.hash) != (newest.entries, newest.hash):
        return f"the head of {anchored.entries} entries is not in the database, as it should be"
    return ""


def _stranger(head: Head) -> str:
    return f"the head of {head.entries} entries is signed by no key that is known here"


def _doubted(found: Verification, others: list[Head]) -> Verification:
    """Say that a head is not ours: it may stand where a genuine one was taken away."""
    doubtful = min(others, key=lambda head: head.entries)
    if not found.ok and (found.first_bad or 0) <= doubtful.entries:
        return found
    return replace(found, ok=False, first_bad=doubtful.entries, reason=_stranger(doubtful))
