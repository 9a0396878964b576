"""Word by word through languages that write blanks between words."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from backend.prompt.translators.glossary.kinds import Kind
from backend.prompt.translators.glossary.pages import Entry, Pages, fold, split_elisions

PHRASE_WORDS_MAX: Final = 5
COMPOUND_MIN: Final = 6
PART_MIN: Final = 3
_WORD: Final = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)*'?")
_LINKS: Final = ("", "s", "es", "n", "en", "e")
_NOUN_FIRST: Final = frozenset({"es", "fr", "it", "pt"})
_COMPOUNDING: Final = frozenset({"de", "nl"})
_GENITIVE: Final = frozenset({"pl", "ru"})
_PLURALS: Final = {
    "es": ("s",),
    "pt": ("s",),
    "fr": ("s", "x"),
    "nl": ("en", "s"),
    "it": ("i", "e"),
    "de": ("en", "n", "er", "e"),
}
_UMLAUTS: Final = str.maketrans("\u00e4\u00f6\u00fc", "aou")
_IRREGULAR: Final = {"man": "men", "woman": "women", "child": "children", "mouse": "mice"}


@dataclass(frozen=True, slots=True)
class _Said:
    """A piece of English, what it is, and whether the glossary knew it."""

    text: str
    kind: Kind | None = None


@dataclass(frozen=True, kw_only=True)
class SpacedWords:
    """Translates a clause at a time; unknown words stay as they are."""

    language: str
    pages: Pages

    def translate(self, text: str) -> str:
        """Return a text with every word it knows in English."""
        pieces: list[str] = []
        at = 0
        text = split_elisions(text.replace("\u2019", "'"))
        for run in re.finditer(rf"{_WORD.pattern}(?: +{_WORD.pattern})*", text):
            pieces += (text[at : run.start()], self._clause(run[0].split()))
            at = run.end()
        return _articles("".join((*pieces, text[at:])).replace("' ", "'"))

    def _clause(self, words: Sequence[str]) -> str:
        said = [one for one in self._say(words) if one.text]
        if self.language in _NOUN_FIRST:
            said = _adjectives_first(said)
        if self.language in _GENITIVE:
            said = _joined_by_of(said)
        return " ".join(one.text for one in _smoothed(said))

    def _say(self, words: Sequence[str]) -> Iterator[_Said]:
        at, before = 0, ""
        while at < len(words):
            length, entry = self._longest(words, at, before)
            if entry is None:
                yield _Said(self._compound(words[at]))
                before = ""
            else:
                yield self._number(entry, words[at + length - 1])
                before = entry.english
            at += length

    def _longest(self, words: Sequence[str], at: int, before: str) -> tuple[int, Entry | None]:
        for length in range(min(PHRASE_WORDS_MAX, len(words) - at), 0, -1):
            run = words[at : at + length]
            found = self.pages.find(tuple(map(fold, run)))
            fit = [one for one in found if not (at and length == 1 and self._is_kept(run[0], one))]
            if fit:
                return length, _choose(fit, before)
        return 1, None

    def _is_kept(self, word: str, entry: Entry) -> bool:
        """Say whether a word within a sentence is a name that only looks like this entry."""
        if word.isupper() or entry.is_name:
            return False
        if self.language == "de":
            return word[0].isupper() != (entry.kind is Kind.NOUN)
        return word[0].isupper()

    def _number(self, entry: Entry, word: str) -> _Said:
        """Return an entry's English in the plural if that is how its word stands there."""
        folded, base = fold(word), entry.base.split(" ")[-1]
        endings = _PLURALS.get(self.language, ())
        is_plural = (
            entry.kind is Kind.NOUN
            and folded != base
            and folded.endswith(endings)
            and len(folded) - len(base) in (0, 1, 2, 3)
            and folded[:2].translate(_UMLAUTS) == base[:2].translate(_UMLAUTS)
            and not (base.endswith("s") and self.language in ("es", "fr", "pt"))
        )
        return _Said(_plural(entry.english) if is_plural else entry.english, entry.kind)

    def _compound(self, word: str) -> str:
        """Return an unknown word's parts in English if it is made of known ones."""
        if "-" in word:
            parts = [self.pages.find((fold(part),)) for part in word.split("-")]
            return " ".join(part[0].english for part in parts) if all(parts) else word
        if self.language not in _COMPOUNDING or len(word) < COMPOUND_MIN:
            return word
        folded = fold(word)
        for cut in range(len(folded) - PART_MIN, PART_MIN - 1, -1):
            last = self._part(folded[cut:])
            if last is None:
                continue
            for link in _LINKS:
                first = self._part(folded[:cut].removesuffix(link))
                if first is not None and folded[:cut].endswith(link):
                    return f"{first} {last}"
        return word

    def _part(self, word: str) -> str | None:
        found = self.pages.find((word,)) if len(word) >= PART_MIN else []
        fit = [one for one in found if one.kind in (Kind.NOUN, Kind.ADJECTIVE)]
        return fit[0].english if fit else None


def _choose(found: Sequence[Entry], before: str) -> Entry:
    """Take a verb after who or that, else what comes first in the glossary."""
    verbs = [one for one in found if one.kind is Kind.VERB]
    return verbs[0] if before == "who" and verbs else found[0]


def _adjectives_first(said: Sequence[_Said]) -> list[_Said]:
    """Put adjectives that follow their noun before it, the last one first."""
    ordered: list[_Said] = []
    at = 0
    while at < len(said):
        end = at + 1
        while said[at].kind is Kind.NOUN and end < len(said) and said[end].kind is Kind.ADJECTIVE:
            end += 1
        ordered += (*reversed(said[at + 1 : end]), said[at])
        at = end
    return ordered


def _joined_by_of(said: Sequence[_Said]) -> list[_Said]:
    """Put in what a language says by the genitive: of which thing a thing is."""
    joined: list[_Said] = []
    for at, one in enumerate(said):
        noun = next((other.kind for other in said[at:] if other.kind is not Kind.ADJECTIVE), None)
        if joined and joined[-1].kind is Kind.NOUN and noun is Kind.NOUN:
            joined.append(_Said("of", Kind.SMALL))
        joined.append(one)
    return joined


def _smoothed(said: Sequence[_Said]) -> Iterator[_Said]:
    """Leave out what English leaves out: who before a deed, of before what is not counted."""
    before = ""
    for at, one in enumerate(said):
        behind = said[at + 1] if at + 1 < len(said) else None
        is_partitive = one.text in ("of", "of the") and before in ("", "with", "and", "without")
        if is_partitive or (one.text == "who" and behind and behind.kind is Kind.VERB):
            continue
        before = one.text
        yield one


def _plural(english: str) -> str:
    *others, last = english.split(" ")
    if last in _IRREGULAR:
        last = _IRREGULAR[last]
    elif last.endswith(("x", "ch", "sh")):
        last += "es"
    elif last.endswith("y") and last[-2:-1] not in "aeiou":
        last = f"{last[:-1]}ies"
    elif last.endswith("f") and not last.endswith(("ff", "oof")):
        last = f"{last[:-1]}ves"
    elif not last.endswith("s"):
        last += "s"
    return " ".join((*others, last))


def _articles(english: str) -> str:
    return re.sub(r"\b([aA])(?= [aeiouAEIOU])", r"\1n", english)
