"""Tells the language of a few words, which no statistics can: whose glossary has all of them."""

import re
from dataclasses import dataclass
from typing import Final

from backend.prompt.translators.glossary.pages import (
    SPACED,
    english_words,
    fold,
    open_pages,
    split_elisions,
)

UNKNOWN: Final = "und"
WORDS_MIN: Final = 2
# A borrowed word among so few ("art nouveau rose") is enough to lead statistics astray.
WORDS_SHORT: Final = 4
_WORD: Final = re.compile(r"[^\W\d_]+'?")


@dataclass(frozen=True, kw_only=True)
class Teller:
    """Which languages of the glossary have a word, and which words are English too."""

    languages: dict[str, frozenset[str]]
    english: frozenset[str]

    def tell(self, text: str) -> str:
        """Return the one language that has all words of a text, `und` if there is none.

        Of several, the first is as good as any where a word means the same in all of them; where
        half of the words are English too, the text is left to be that.
        """
        words = _words(text)
        if len(words) < WORDS_MIN or self._are_english(words):
            return UNKNOWN
        fit = [one for one in SPACED if all(one in self._of(word) for word in words)]
        return fit[0] if fit else UNKNOWN

    def is_short_english(self, text: str) -> bool:
        """Say whether a text is up to four words of which at least half are English.

        Letters alone tell little of so few: statistics are sure that "a penguin" is Indonesian.
        """
        words = _words(text)
        return 0 < len(words) <= WORDS_SHORT and self._are_english(words)

    def _are_english(self, words: list[str]) -> bool:
        return 2 * sum(word in self.english for word in words) >= len(words)

    def _of(self, word: str) -> frozenset[str]:
        return self.languages.get(word, frozenset())


def _words(text: str) -> list[str]:
    return [word for word in _WORD.findall(split_elisions(fold(text))) if len(word) > 1]


def open_teller() -> Teller:
    """Read all languages of the glossary that write blanks between words."""
    languages: dict[str, set[str]] = {}
    for language in SPACED:
        pages = open_pages(language)
        for words in (*pages.written, *pages.formed):
            if len(words) == 1:
                languages.setdefault(words[0], set()).add(language)
    return Teller(
        languages={word: frozenset(found) for word, found in languages.items()},
        english=english_words(),
    )
