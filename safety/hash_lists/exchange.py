"""A bank that is an exchange: it tells what was added and withdrawn since, page by page.

It speaks the JSON of ThreatExchange's `threat_updates`, which HMA's exchanges speak too:

    GET URL?types=HASH_PDQ&limit=1000&start_time=CHECKPOINT      Authorization: Bearer TOKEN
    {"data": [{"id", "type": "HASH_PDQ", "indicator", "last_updated", "should_delete"}, …],
     "paging": {"next": "URL of the next page, at the same host"}}
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

from safety.fingerprint import BYTES
from safety.listing.bank import News, Update, Visit
from safety.listing.fetching import BankUnreachable, ask
from safety.listing.reading import check_listed

HASH_TYPE: Final = "HASH_PDQ"
_TIMEOUT_S: Final = 60.0
_PAGE_BYTES_MAX: Final = 64 * 1024 * 1024
_PAGES_MAX: Final = 100_000
_PER_PAGE: Final = 1000


@dataclass(frozen=True, kw_only=True)
class _Entry:
    id: str
    hash: str
    at: int
    is_withdrawn: bool


def follow_exchange(url: str, *, token: str) -> Update:
    """Return what asks an exchange for everything since the last visit; all pages, or nothing."""

    def update(visit: Visit, before: bytes) -> News:
        entries = dict(_remembered(before))
        checkpoint = visit.checkpoint
        for entry in _pages(url, token, visit.checkpoint):
            checkpoint = max(checkpoint, entry.at)
            if entry.is_withdrawn:
                entries.pop(entry.id, None)
            else:
                entries[entry.id] = entry.hash
        lines = ["hash,id", *(f"{hash_},{id_}" for id_, hash_ in entries.items())]
        listed = ("\n".join(lines) + "\n").encode()
        check_listed(listed)
        return News(listed=listed, checkpoint=checkpoint)

    return update


def _remembered(before: bytes) -> Iterator[tuple[str, str]]:
    for line in before.decode("utf-8").splitlines()[1:]:
        hash_, _, id_ = line.partition(",")
        yield id_, hash_


def _pages(url: str, token: str, since: int) -> Iterator[_Entry]:
    query = urlencode({"types": HASH_TYPE, "limit": _PER_PAGE, "start_time": since})
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    page = f"{url}?{query}"
    for _ in range(_PAGES_MAX):
        answer = ask(page, headers=headers, timeout_s=_TIMEOUT_S, bytes_max=_PAGE_BYTES_MAX)
        try:
            document = json.loads(answer.body)
            yield from [_entry(one) for one in document["data"] if one["type"] == HASH_TYPE]
            after = (document.get("paging") or {}).get("next")
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise BankUnreachable("its answer cannot be read") from error
        if not after:
            return
        if not isinstance(after, str) or urlsplit(after)[:2] != urlsplit(url)[:2]:
            raise BankUnreachable("its next page is somewhere else")
        page = after
    raise BankUnreachable("its pages never end")


def _entry(one: Mapping[str, Any]) -> _Entry:
    hash_, id_ = str(one["indicator"]).strip(), str(one["id"]).strip()
    if len(hash_) != 2 * BYTES or not id_ or any(mark in id_ for mark in ',"\r\n'):
        raise ValueError("an entry has no hash, or no id")
    bytes.fromhex(hash_)
    return _Entry(
        id=id_,
        hash=hash_,
        at=int(one.get("last_updated", 0)),
        is_withdrawn=bool(one.get("should_delete", False)),
    )
