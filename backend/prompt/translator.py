"""The seam of translators: words of a prompt in one language, the same in English."""

from collections.abc import Sequence
from typing import Protocol


class TranslatorError(Exception):
    """A translator gave no translation; the message is for the operator and quotes no prompt."""


class Translator(Protocol):
    """Puts words into English, the language models were trained on. Called from threads."""

    @property
    def name(self) -> str:
        """What it is called where a translation is shown."""

    def reads(self, language: str) -> bool:
        """Say whether it reads a language, given as an ISO 639-1 code."""

    def translate(self, texts: Sequence[str], *, language: str) -> list[str]:
        """Return each text in English, in order; a name it does not know stays as it is.

        Raises:
            TranslatorError: it cannot.

        """
