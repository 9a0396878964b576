"""Which passages of a prompt are to be translated, and the prompt with them in English.

Quoted text stays as it is, and so does what is English beside another language. Weights and parts
keep their words, for each term is translated by itself.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import chain
from typing import Final

from backend.domain.prompts import PromptSpec, WeightedPart
from backend.prompt.language import ENGLISH, UNKNOWN

GuessLanguage = Callable[[str], str]

_QUOTED: Final = re.compile(
    r'"[^"]*"|\u201c[^\u201d]*\u201d|\u201e[^\u201c\u201d]*[\u201c\u201d]|\u00ab[^\u00bb]*\u00bb'
    r"|\u300c[^\u300d]*\u300d|\u300e[^\u300f]*\u300f|(?<!\w)'[^']+'(?!\w)"
)
_MARKS: Final = re.compile(r"[,;|\u3001\uff0c\u3002\uff1b\u060c]|\.(?=\s|$)")
_IN_ENGLISH: Final = str.maketrans(
    {"\u3001": ", ", "\uff0c": ", ", "\u3002": ". ", "\uff1b": "; ", "\u060c": ", "}
)
# What a few words in a script are taken for where the guess is not sure. English they are not.
_BY_SCRIPT: Final = {
    "HIRAGANA": "ja",
    "KATAKANA": "ja",
    "HANGUL": "ko",
    "CJK": "zh",
    "CYRILLIC": "ru",
    "GREEK": "el",
    "ARABIC": "ar",
    "HEBREW": "he",
    "THAI": "th",
    "DEVANAGARI": "hi",
}


@dataclass(frozen=True, slots=True)
class Passage:
    """A piece of a term, and whether it is to be translated."""

    text: str
    is_foreign: bool


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What of a prompt is to be translated from which language; `cuts` are by a term's text."""

    spec: PromptSpec
    language: str
    cuts: Mapping[str, tuple[Passage, ...]]

    @property
    def texts(self) -> tuple[str, ...]:
        """The passages to translate, without the blanks around them, each once."""
        found = (one.text.strip() for one in chain(*self.cuts.values()) if one.is_foreign)
        return tuple(dict.fromkeys(found))

    def apply(self, english: Mapping[str, str]) -> PromptSpec:
        """Return the prompt with its passages in English."""
        return replace(
            self.spec,
            positive=tuple(self._part(part, english) for part in self.spec.positive),
            negative=tuple(self._part(part, english) for part in self.spec.negative),
        )

    def _part(self, part: WeightedPart, english: Mapping[str, str]) -> WeightedPart:
        terms = (
            replace(term, text="".join(_put(one, english) for one in self.cuts[term.text]))
            for term in part.terms
        )
        return replace(part, terms=tuple(terms))


def plan(spec: PromptSpec, guess: GuessLanguage) -> Plan:
    """Find what is to be translated; nothing where a prompt is English, or nobody can tell."""
    texts = [term.text for part in (*spec.positive, *spec.negative) for term in part.terms]
    cuts = {text: tuple(_cut(text)) for text in texts}
    language, is_foreign = _tell(
        [one.text for one in chain(*cuts.values()) if one.is_foreign], guess
    )
    settled = {
        text: tuple(
            _joined(replace(one, is_foreign=one.is_foreign and is_foreign(one.text)) for one in cut)
        )
        for text, cut in cuts.items()
    }
    return Plan(spec=spec, language=language, cuts=settled)


def _tell(clauses: list[str], guess: GuessLanguage) -> tuple[str, Callable[[str], bool]]:
    """Return the language that is not English in some clauses, and which of them are in it."""
    in_script = [clause for clause in clauses if _script(clause)]
    if in_script:
        words = " ".join(in_script)
        language = guess(words)
        if language in (ENGLISH, UNKNOWN):
            language = _BY_SCRIPT.get(_script(words), UNKNOWN)
        return language, lambda clause: _script(clause) != "" and language != UNKNOWN
    language = guess(" ".join(clauses))
    if language in (ENGLISH, UNKNOWN):
        return language, lambda _: False
    return language, lambda clause: guess(clause) != ENGLISH


def _script(text: str) -> str:
    """Return the script of the letters that are not Latin, kana before Han; "" if all are."""
    scripts = dict.fromkeys(
        unicodedata.name(character, "").split(" ")[0]
        for character in text
        if character.isalpha() and not character.isascii()
    )
    known = [script for script in _BY_SCRIPT if script in scripts]
    return known[0] if known else ""


def _cut(text: str) -> Iterator[Passage]:
    """Cut a text into clauses, and what stands between them."""
    at = 0
    for quoted in _QUOTED.finditer(text):
        yield from _clauses(text[at : quoted.start()])
        yield Passage(quoted[0], is_foreign=False)
        at = quoted.end()
    yield from _clauses(text[at:])


def _clauses(text: str) -> Iterator[Passage]:
    at = 0
    for mark in _MARKS.finditer(text):
        yield from _clause(text[at : mark.start()])
        yield Passage(mark[0], is_foreign=False)
        at = mark.end()
    yield from _clause(text[at:])


def _clause(text: str) -> Iterator[Passage]:
    if text:
        yield Passage(text, is_foreign=any(character.isalpha() for character in text))


def _joined(passages: Iterable[Passage]) -> Iterator[Passage]:
    """Join clauses that are all to be translated with the marks between them."""
    held: list[Passage] = []
    for passage in passages:
        if passage.is_foreign or (held and _MARKS.fullmatch(passage.text)):
            held.append(passage)
            continue
        yield from _release(held)
        held = []
        yield passage
    yield from _release(held)


def _release(held: list[Passage]) -> Iterator[Passage]:
    after = held[-1:] if held and not held[-1].is_foreign else []
    words = held[: len(held) - len(after)]
    if words:
        yield Passage("".join(one.text for one in words), is_foreign=True)
    yield from after


def _put(passage: Passage, english: Mapping[str, str]) -> str:
    text = passage.text
    if not passage.is_foreign:
        return text.translate(_IN_ENGLISH) if _MARKS.fullmatch(text) else text
    core = text.strip()
    begin = text.index(core)
    return text[:begin] + english.get(core, core).strip() + text[begin + len(core) :]
