"""The glossary as a translator: no download, no network, well under a millisecond a prompt."""

import threading
from collections.abc import Sequence

from backend.prompt.translators.glossary.pages import LANGUAGES, open_pages
from backend.prompt.translators.glossary.spaced import SpacedWords
from backend.prompt.translators.glossary.unspaced import UnspacedWords


class Glossary:
    """Knows some eight hundred things, colours and deeds; what it does not know stays as it is."""

    name = "glossary"

    def __init__(self) -> None:
        self._opened: dict[str, SpacedWords | UnspacedWords] = {}
        self._lock = threading.Lock()

    def reads(self, language: str) -> bool:
        return language in LANGUAGES

    def translate(self, texts: Sequence[str], *, language: str) -> list[str]:
        words = self._open(language)
        return [words.translate(text) for text in texts]

    def _open(self, language: str) -> SpacedWords | UnspacedWords:
        with self._lock:
            if language not in self._opened:
                pages = open_pages(language)
                is_unspaced = language in ("ja", "zh")
                self._opened[language] = (
                    UnspacedWords(pages=pages)
                    if is_unspaced
                    else SpacedWords(language=language, pages=pages)
                )
            return self._opened[language]
