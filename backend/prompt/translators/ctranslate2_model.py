"""Translates by converted models in this process: Opus-MT, M2M-100 or NLLB through CTranslate2.

A folder holds one model that reads many languages, or a folder `es-en`, `fr-en`, … for each.
"""

import json
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Protocol

from backend.prompt.nllb import NLLB
from backend.prompt.translator import TranslatorError

_SOURCE_PIECES: Final = (
    "source.spm",
    "sentencepiece.bpe.model",
    "sentencepiece.model",
    "spm.model",
)
_TARGET_PIECES: Final = ("target.spm", *_SOURCE_PIECES[1:])
_END: Final = "</s>"
TOKENS_MAX: Final = 512


class _Pieces(Protocol):
    """What is used of sentencepiece's processor."""

    def encode(self, text: str, *, out_type: type[str]) -> list[str]: ...

    def decode(self, pieces: list[str]) -> str: ...


class CTranslate2Model:
    """Opens a language's model when it is first asked for it."""

    name = "ctranslate2"

    def __init__(self, *, folder: Path) -> None:
        if not folder.is_dir():
            raise TranslatorError("IMPASTO_TRANSLATOR_MODEL must be a folder of converted models.")
        self._folder = folder
        self._opened: dict[Path, _Model] = {}
        self._lock = threading.Lock()

    def reads(self, language: str) -> bool:
        try:
            return self._open(language).reads(language)
        except TranslatorError:
            return False

    def translate(self, texts: Sequence[str], *, language: str) -> list[str]:
        return self._open(language).translate(texts, language)

    def _open(self, language: str) -> "_Model":
        own = self._folder / f"{language}-en"
        folder = own if own.is_dir() else self._folder
        with self._lock:
            if folder not in self._opened:
                self._opened[folder] = _Model(folder)
            return self._opened[folder]


class _Model:
    """One converted model and its sentence pieces."""

    def __init__(self, folder: Path) -> None:
        import ctranslate2

        try:
            self._source = _open_pieces(folder, _SOURCE_PIECES)
            self._target = _open_pieces(folder, _TARGET_PIECES)
            self._translator = ctranslate2.Translator(str(folder), device="auto")
        except (RuntimeError, OSError, ValueError) as error:
            raise TranslatorError(f"no model can be opened in {folder.name}") from error
        self._vocabulary = _vocabulary(folder)

    def reads(self, language: str) -> bool:
        """Say whether it knows a language; a model without names of languages reads its own."""
        source, _ = self._marks(language)
        return all(mark in self._vocabulary for mark in source)

    def translate(self, texts: Sequence[str], language: str) -> list[str]:
        """Return the texts in English."""
        before, prefix = self._marks(language)
        tokens = [[*before, *self._source.encode(text, out_type=str), _END] for text in texts]
        try:
            results = self._translator.translate_batch(
                tokens,
                target_prefix=[prefix] * len(tokens) if prefix else None,
                beam_size=2,
                max_input_length=TOKENS_MAX,
                max_decoding_length=TOKENS_MAX,
            )
        except (RuntimeError, ValueError) as error:
            raise TranslatorError("the model failed") from error
        return [
            self._target.decode([token for token in result.hypotheses[0] if token not in prefix])
            for result in results
        ]

    def _marks(self, language: str) -> tuple[list[str], list[str]]:
        """Return what stands before the text and before its translation to name their languages."""
        if "__en__" in self._vocabulary:
            return [f"__{language}__"], ["__en__"]
        if "eng_Latn" in self._vocabulary:
            return [NLLB.get(language, "")], ["eng_Latn"]
        return [], []


def _open_pieces(folder: Path, names: Sequence[str]) -> _Pieces:
    from sentencepiece import SentencePieceProcessor

    found = next((folder / name for name in names if (folder / name).is_file()), None)
    if found is None:
        raise TranslatorError(f"there is none of {', '.join(names)} in {folder.name}")
    pieces: _Pieces = SentencePieceProcessor(model_file=str(found))
    return pieces


def _vocabulary(folder: Path) -> frozenset[str]:
    for name in ("shared_vocabulary.json", "source_vocabulary.json"):
        if (folder / name).is_file():
            return frozenset(json.loads((folder / name).read_text(encoding="utf-8")))
    return frozenset()
