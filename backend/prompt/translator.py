"""The seam of translators. None ships yet: a prompt is drawn in the language it was written in."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, kw_only=True)
class Translation:
    """A text in the language models were trained on, and the language it came from.

    Languages are ISO 639 codes; `und` is an unknown one.
    """

    text: str
    language: str


class Translator(Protocol):
    """Turns a prompt into the language models were trained on."""

    def translate(self, text: str) -> Translation:
        """Return the text translated; what needs no translation comes back as it is."""
