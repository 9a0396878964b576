"""Whether the lists of known pictures can be looked in, as this machine has them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from backend.settings import Settings
from safety.hash_lists import open_hash_list, read_hash_lists

_REPLACE: Final = "Put a whole list in its place; it is read anew by itself."
_FIXES: Final[Mapping[str, str]] = {
    "missing": "Put it where the document of IMPASTO_HASH_LISTS says.",
    "stale": "Have it replaced by a fresh one, at least as often as stale_after_days says.",
    "empty": _REPLACE,
    "corrupt": _REPLACE,
}
_ASK_THE_BANK: Final = "Look whether its bank answers, with this token and proof."


@dataclass(frozen=True, kw_only=True)
class ListReport:
    """One list: `trouble` is a word, "" if it is well; `is_fetched` if a bank is asked for it."""

    name: str
    trouble: str
    is_fetched: bool

    @property
    def fix(self) -> str:
        """What to do about its trouble."""
        return _ASK_THE_BANK if self.is_fetched else _FIXES.get(self.trouble, _REPLACE)


def look_at_lists(settings: Settings) -> list[ListReport]:
    """Read every list that the settings name; of a bank, what was fetched last.

    Raises:
        HashListsInvalid: the document cannot be read, or one of them cannot be opened.

    """
    wanted = read_hash_lists(settings.hash_lists) if settings.hash_lists else ()
    cache = settings.home / "hash_lists"
    return [
        ListReport(
            name=one.name,
            trouble=open_hash_list(one, cache=cache, asks_banks=False).trouble(),
            is_fetched=one.kind != "file",
        )
        for one in wanted
    ]
