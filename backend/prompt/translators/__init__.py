"""Translators of prompts."""

from dataclasses import dataclass
from typing import Literal, assert_never

from backend.prompt.translator import Translator

TranslatorName = Literal["glossary", "libretranslate"]


@dataclass(frozen=True, kw_only=True)
class TranslatorSettings:
    """Which translator, and what it needs; a request to a server takes at most `timeout_s`."""

    name: TranslatorName
    url: str = ""
    api_key: str = ""
    timeout_s: float = 3.0


def open_translator(settings: TranslatorSettings) -> Translator:
    """Open the translator that is set.

    Raises:
        TranslatorError: it lacks something it needs.

    """
    match settings.name:
        case "glossary":
            from backend.prompt.translators.glossary.book import Glossary

            return Glossary()
        case "libretranslate":
            from backend.prompt.translators.libretranslate import LibreTranslate

            return LibreTranslate(
                url=settings.url, api_key=settings.api_key, timeout_s=settings.timeout_s
            )
        case _:
            assert_never(settings.name)
