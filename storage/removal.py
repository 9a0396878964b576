"""Removal that proves itself: each key is looked for again, in every way it could be found."""

import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Final

from storage.errors import ObjectNotFound
from storage.keys import check_public_key
from storage.link_signer import LinkSigner
from storage.object_store import ObjectStore
from storage.purger import Purger, PurgeReceipt

PROBE_TTL_S: Final = 60

LeadsSomewhere = Callable[[str], bool]


@dataclass(frozen=True, kw_only=True)
class KeyProof:
    """What was found of one key after its removal; all three False is what is wanted.

    `sha256` is what was there before, "" if nothing was. `is_linked` says whether a fresh link to
    it still led to bytes.
    """

    key: str
    sha256: str
    is_readable: bool
    is_listed: bool
    is_linked: bool

    @property
    def is_gone(self) -> bool:
        """Whether no way led to it."""
        return not (self.is_readable or self.is_listed or self.is_linked)


@dataclass(frozen=True, kw_only=True)
class RemovalProof:
    """That these keys were removed and then looked for; `at` is when."""

    at: datetime
    keys: tuple[KeyProof, ...]
    purge: PurgeReceipt | None = None

    @property
    def is_complete(self) -> bool:
        """Whether every key is gone, and what is cached in front of us was told so."""
        told = self.purge is None or self.purge.is_accepted
        return told and all(proof.is_gone for proof in self.keys)

    @property
    def remaining(self) -> tuple[str, ...]:
        """The keys that were still found."""
        return tuple(proof.key for proof in self.keys if not proof.is_gone)

    @property
    def sha256(self) -> str:
        """The hash of all it says, to stand for it in a record."""
        told = asdict(self) | {"at": self.at.astimezone(UTC).isoformat(timespec="microseconds")}
        text = json.dumps(told, sort_keys=True, separators=(",", ":"), default=str)
        return hashlib.sha256(text.encode()).hexdigest()


def remove(
    objects: ObjectStore,
    keys: Iterable[str],
    *,
    now: datetime,
    links: LinkSigner | None = None,
    purger: Purger | None = None,
    leads_somewhere: LeadsSomewhere | None = None,
) -> RemovalProof:
    """Remove pictures and prove it; what is missing already is fine, and proven like the rest.

    Originals go first: where there is none, a picture does not count as kept. Without
    `leads_somewhere` a link counts as dead when its object cannot be read, which is so where
    whoever serves links reads this very store.

    Raises:
        InvalidKey: one of them is malformed or lies outside `images/`; nothing was removed.
        StorageUnavailable: the store cannot be used; remove them again.

    """
    ordered = _originals_first([check_public_key(key) for key in keys])
    hashes = {key: _hash_of(objects, key) for key in ordered}
    for key in ordered:
        objects.delete(key)
    purge = purger.purge(ordered, now=now) if purger is not None and ordered else None

    def is_linked(key: str) -> bool | None:
        if leads_somewhere is None:
            return None
        return leads_somewhere((links or objects).link(key, PROBE_TTL_S, now))

    return RemovalProof(
        at=now,
        keys=tuple(_probe(objects, key, hashes[key], is_linked=is_linked(key)) for key in ordered),
        purge=purge,
    )


def _probe(objects: ObjectStore, key: str, sha256: str, *, is_linked: bool | None) -> KeyProof:
    is_readable = objects.exists(key) or bool(_hash_of(objects, key))
    return KeyProof(
        key=key,
        sha256=sha256,
        is_readable=is_readable,
        is_listed=key in objects.list_keys(key),
        is_linked=is_readable if is_linked is None else is_linked,
    )


def _hash_of(objects: ObjectStore, key: str) -> str:
    try:
        return hashlib.sha256(objects.get(key)).hexdigest()
    except ObjectNotFound:
        return ""


def _originals_first(keys: Sequence[str]) -> list[str]:
    return sorted(dict.fromkeys(keys), key=lambda key: "/original." not in key)
