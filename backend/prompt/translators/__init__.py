"""Translators of prompts."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, assert_never

from backend.prompt.translator import Translator

TranslatorName = Literal["glossary", "libretranslate", "ctranslate2", "transformers"]


@dataclass(frozen=True, kw_only=True)
class TranslatorSettings:
    """Which translator, and what it needs: a model's folder (or hub id), or a server's address.

    A request to a server takes at most `timeout_s`.
    """

    name: TranslatorName
    model: str = ""
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
        case "ctranslate2":
            from backend.prompt.translators.ctranslate2_model import CTranslate2Model

            return CTranslate2Model(folder=Path(settings.model).expanduser())
        case "transformers":
            from backend.prompt.translators.transformers_model.book import TransformersModel

            return TransformersModel(model=settings.model)
        case _:
            assert_never(settings.name)
