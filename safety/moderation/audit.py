"""The audit log: who saw, decided and changed what, as a chain of hashes that nobody can mend.

Each entry's hash covers the one before it, so that one which is edited, removed or moved shows. A
*head* is a signed "so many entries, ending in this hash": without one, a log cut short at its end,
or written anew from some entry on, would verify. Where entries are kept is not known here.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import InitVar, dataclass, field
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Final

GENESIS: Final = "0" * 64
LONGEST_VALUE: Final = 256

_ACTION: Final = re.compile(r"[a-z0-9_]+(?:\.[a-z0-9_]+)*")
_FORBIDDEN_KEYS: Final = frozenset(
    {"prompt", "negative_prompt", "text", "token", "secret", "url", "link", "signature", "password"}
)
_LINK: Final = re.compile(r"\b[a-z][a-z0-9+.-]{1,20}://\S+", re.IGNORECASE)
_SECRET: Final = re.compile(r"\bimp_(?:live|test)_\S+")
# What no text column keeps: NUL and other controls, halves of surrogate pairs.
_UNSTORABLE: Final = re.compile("[\x00-\x1f\x7f\ud800-\udfff]")
_HEAD_DOMAIN: Final = b"impasto audit head 1\n"
_ENTRY_DOMAIN: Final = b"impasto audit entry 1\n"


@dataclass(frozen=True, kw_only=True)
class AuditEntry:
    """One decision: what was done (`review.released`), by whom, to what, and how it ended.

    `subject` is a kind and an id, as `job:gen_…`. `detail` holds ids, categories and numbers,
    never a prompt, a token or a link; what looks like one in a value is struck out, and a value is
    cut at `LONGEST_VALUE` characters. `at` is when; None stands for when it is recorded. One that
    `is_stored` already is taken letter by letter: what was put into it since must show.

    Raises:
        ValueError: the action is no lower-case words with dots, a key of the detail is the name of
            something that is never recorded, or `at` has no time zone.

    """

    action: str
    actor: str
    subject: str
    outcome: str
    detail: Mapping[str, str] = field(default_factory=dict)
    at: datetime | None = None
    is_stored: InitVar[bool] = False

    def __post_init__(self, is_stored: bool) -> None:
        if is_stored:
            object.__setattr__(self, "detail", MappingProxyType(dict(self.detail)))
            return
        if not _ACTION.fullmatch(self.action) or len(self.action) > LONGEST_VALUE:
            raise ValueError(f"no action: {self.action[:80]!r}")
        forbidden = _FORBIDDEN_KEYS.intersection(self.detail)
        if forbidden:
            raise ValueError(f"never on record: {', '.join(sorted(forbidden))}")
        if self.at is not None and self.at.tzinfo is None:
            raise ValueError("a moment needs a time zone")
        for name in ("actor", "subject", "outcome"):
            object.__setattr__(self, name, _clean(getattr(self, name)))
        clean = {_clean(key): _clean(value) for key, value in self.detail.items()}
        object.__setattr__(self, "detail", MappingProxyType(clean))


@dataclass(frozen=True, kw_only=True)
class ChainedEntry:
    """An entry in its place: `number` counts from 1, `hash` covers it and all before it."""

    number: int
    entry: AuditEntry
    hash: str


@dataclass(frozen=True, kw_only=True)
class Head:
    """That there were so many entries, the last of this hash; signed by the key of this id."""

    entries: int
    hash: str
    at: datetime
    key_id: str
    signature: str = ""

    def message(self) -> bytes:
        """Return what is signed."""
        words = {"at": _moment(self.at), "entries": self.entries, "hash": self.hash}
        return _HEAD_DOMAIN + _json(words | {"key_id": self.key_id})


@dataclass(frozen=True, kw_only=True)
class Verification:
    """How many entries there are, and which is the first that cannot be vouched for."""

    entries: int
    ok: bool
    first_bad: int | None = None
    reason: str = ""


def canonical(entry: AuditEntry) -> bytes:
    """Return an entry as JSON in the one form that is hashed.

    Raises:
        ValueError: it has no time.

    """
    if entry.at is None:
        raise ValueError("an entry without a time cannot be chained")
    return _json(
        {
            "action": entry.action,
            "actor": entry.actor,
            "at": _moment(entry.at),
            "detail": dict(entry.detail),
            "outcome": entry.outcome,
            "subject": entry.subject,
        }
    )


def chain(previous_hash: str, entry: AuditEntry) -> str:
    """Return the hash of an entry that follows the one with `previous_hash`, `GENESIS` if none."""
    digest = hashlib.sha256(_ENTRY_DOMAIN)
    digest.update(bytes.fromhex(previous_hash))
    digest.update(canonical(entry))
    return digest.hexdigest()


class Verifier:
    """Walks along a log, entry by entry, in memory that does not grow with it.

    `heads` must have been checked already (see `audit_keys`); `expected` is how many entries the
    log itself says there are, None if it does not say. It begins behind `start`, if one is given,
    of which it takes the word.
    """

    def __init__(
        self,
        heads: Iterable[Head] = (),
        *,
        expected: int | None = None,
        start: Head | None = None,
    ) -> None:
        self._heads: dict[int, set[str]] = {}
        for head in heads:
            self._heads.setdefault(head.entries, set()).add(head.hash)
        self._expected = expected
        self._entries = start.entries if start else 0
        self._hash = start.hash if start else GENESIS
        # Up to here a signature vouches for everything.
        self._vouched = self._entries
        self._bad: tuple[int, str] | None = None

    @property
    def entries(self) -> int:
        """How many entries it has seen, or need not see."""
        return self._entries

    @property
    def last_hash(self) -> str:
        """The hash of the last entry that fits."""
        return self._hash

    def add(self, chained: ChainedEntry) -> None:
        """Take the next entry."""
        self._entries += 1
        if self._bad is not None:
            return
        if chained.number != self._entries:
            self._bad = (self._entries, f"entry {self._entries} is missing")
        elif chain(self._hash, chained.entry) != chained.hash:
            self._bad = (self._entries, f"entry {self._entries} is not what was recorded")
        else:
            self._hash = chained.hash
            self._compare_head()

    def finish(self) -> Verification:
        """Say what was found, at the log's end."""
        last = max(self._heads, default=0)
        most = max(last, self._expected or 0)
        if self._bad is None and self._entries < most:
            self._bad = (self._entries + 1, f"there were {most} entries")
        elif self._bad is None and self._expected is not None and self._expected < self._entries:
            self._bad = (self._expected + 1, f"only {self._expected} entries were recorded")
        number, reason = self._bad or (None, "")
        return Verification(
            entries=self._entries, ok=self._bad is None, first_bad=number, reason=reason
        )

    def _compare_head(self) -> None:
        signed = self._heads.get(self._entries)
        if signed is None:
            return
        if signed == {self._hash}:
            self._vouched = self._entries
        else:
            # The chain was written anew from somewhere behind the last signature that fits.
            first = self._vouched + 1
            self._bad = (
                first,
                f"entries {first} to {self._entries} are not those that were signed",
            )


def verify(
    entries: Iterable[ChainedEntry], heads: Iterable[Head] = (), *, expected: int | None = None
) -> Verification:
    """Verify a whole log against heads whose signatures have been checked."""
    verifier = Verifier(heads, expected=expected)
    for chained in entries:
        verifier.add(chained)
    return verifier.finish()


def _clean(value: str) -> str:
    """Return a value as it may stand in the log."""
    value = _UNSTORABLE.sub("\ufffd", value)
    value = _SECRET.sub("[secret]", _LINK.sub("[link]", value))
    return value if len(value) <= LONGEST_VALUE else value[: LONGEST_VALUE - 1] + "…"


def _moment(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="microseconds")


def _json(value: Mapping[str, object]) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()
