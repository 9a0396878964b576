"""Lists of known pictures, opened as a TOML document names them.

[[list]]
name = "vetted"                # small letters, figures and ".-_"; in findings and in reports
kind = "file"                  # file, http or exchange
path = "vetted.csv"            # of a file; beside the document, unless absolute
category = "child_safety"      # the default: what a copy is found to be
stale_after_days = 7

[[list]]
name = "bank"
kind = "http"
url = "https://bank.example/pdq.csv"
sha256_url = "https://bank.example/pdq.csv.sha256"    # and/or public_key (Ed25519, base64)
token_file = "bank.token"      # optional; sent as a bearer token

[[list]]
name = "exchange"
kind = "exchange"
url = "https://exchange.example/v1/threat_updates"
token_file = "exchange.token"
"""

import re
import time
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, assert_never, get_args

from safety.errors import HashListsInvalid
from safety.hash_list import HashList
from safety.verdict import CHILD_SAFETY

HashListKind = Literal["file", "http", "exchange"]

_DAY_S: Final = 24 * 3600.0
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_CATEGORY: Final = re.compile(r"[a-z][a-z_]{0,63}")
_NEEDED: Final = {"file": "path", "http": "url", "exchange": "url"}
_OF_ALL: Final = frozenset(["name", "kind", "category", "stale_after_days"])
_KEYS: Final = _OF_ALL | {"path", "url", "sha256_url", "public_key", "token_file"}


@dataclass(frozen=True, kw_only=True)
class WantedList:
    """One list that an installation looks in; `folder` is where relative paths begin."""

    name: str
    kind: HashListKind
    folder: Path
    path: str = ""
    url: str = ""
    sha256_url: str = ""
    public_key: str = ""
    token_file: str = ""
    category: str = CHILD_SAFETY
    stale_after_days: float = 7.0

    @property
    def token(self) -> str:
        """What the bank is shown, "" if it wants nothing."""
        if not self.token_file:
            return ""
        return (self.folder / self.token_file).read_text("utf-8").strip()


def read_hash_lists(path: Path) -> tuple[WantedList, ...]:
    """Read the document that names the lists.

    Raises:
        HashListsInvalid: it cannot be read, or says what no list has.

    """
    try:
        wanted = _read_all(tomllib.loads(path.read_text("utf-8")), path.parent)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise HashListsInvalid(f"{path.name} cannot be read: {error}") from error
    if len({one.name for one in wanted}) < len(wanted):
        raise HashListsInvalid(f"{path.name} names two lists alike")
    return wanted


def _read_all(document: Mapping[str, Any], folder: Path) -> tuple[WantedList, ...]:
    if unknown := document.keys() - {"list"}:
        raise ValueError(f"nothing is called {', '.join(sorted(unknown))}")
    return tuple(_read(entry, folder) for entry in document.get("list", []))


def _read(entry: Mapping[str, Any], folder: Path) -> WantedList:
    if unknown := entry.keys() - _KEYS:
        raise ValueError(f"no list has {', '.join(sorted(unknown))}")
    wanted = WantedList(folder=folder, **entry)
    if wanted.kind not in get_args(HashListKind):
        raise ValueError(f"no list is a {wanted.kind}")
    if not getattr(wanted, _NEEDED[wanted.kind]):
        raise ValueError(f"{wanted.name} needs {_NEEDED[wanted.kind]}")
    if not _NAME.fullmatch(wanted.name) or not _CATEGORY.fullmatch(wanted.category):
        raise ValueError("a name is made of small letters and figures")
    if not wanted.stale_after_days > 0:
        raise ValueError("a list that is stale at once serves nobody")
    return wanted


def open_own_list(read: Callable[[], Mapping[str, str]]) -> HashList:
    """Open the list of what this deployment has blocked; `read` returns hashes and their ids."""
    from safety.hash_lists.own import OwnHashList

    return OwnHashList(read=read)


def open_hash_list(
    wanted: WantedList,
    *,
    cache: Path,
    clock: Callable[[], float] = time.time,
    asks_banks: bool = True,
) -> HashList:
    """Open a list; `cache` is the folder in which those of banks are kept.

    A bank that does not answer now is asked again, and until then everything is held. Without
    `asks_banks` none is: what is there is looked in as it is.

    Raises:
        HashListsInvalid: its address, proof or token is not usable.

    """
    name, category = wanted.name, wanted.category
    stale_after_s = wanted.stale_after_days * _DAY_S
    try:
        match wanted.kind:
            case "file":
                from safety.hash_lists.file import FileHashList
                from safety.listing.held import HeldList

                path = wanted.folder / wanted.path
                held = HeldList(name=name, path=path, stale_after_s=stale_after_s, clock=clock)
                return FileHashList(name=name, category=category, held=held)
            case "http":
                from safety.hash_lists.http import fetch_file

                update = fetch_file(
                    wanted.url,
                    token=wanted.token,
                    sha256_url=wanted.sha256_url,
                    public_key=wanted.public_key,
                )
            case "exchange":
                from safety.hash_lists.exchange import follow_exchange

                update = follow_exchange(wanted.url, token=wanted.token)
            case _:
                assert_never(wanted.kind)
    except (OSError, ValueError) as error:
        raise HashListsInvalid(f"the list {name} cannot be opened: {error}") from error
    from safety.listing.bank import Bank, BankHashList

    bank = Bank(
        name=name,
        folder=cache,
        update=update,
        stale_after_s=stale_after_s,
        asks_by_itself=asks_banks,
        clock=clock,
    )
    return BankHashList(name=name, category=category, bank=bank)


def open_hash_lists(document: Path | None, *, cache: Path) -> list[HashList]:
    """Open all lists that a document names; none where there is no document.

    Raises:
        HashListsInvalid: the document cannot be read, or one of them cannot be opened.

    """
    wanted = read_hash_lists(document) if document else ()
    return [open_hash_list(one, cache=cache) for one in wanted]
