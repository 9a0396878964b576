"""Reads the words of a prompt: `a (red:1.3) fox::2 snow` is two parts, the first of three terms.

`(word)` counts 1.1 times as much and `[word]` a 1.1th, one in another multiplies, `(word:1.3)` says
it; `::` ends a part, and a number that touches it is the part's weight. A backslash before any of
these characters takes its meaning away.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from backend.domain.errors import (
    BadInput,
    BracketUnbalanced,
    InvalidParameter,
    PromptTooDeep,
    WeightOutOfRange,
)
from backend.domain.prompts import WeightedPart, WeightedTerm
from backend.prompt.typed import Typed

DEPTH_MAX: Final = 16
WEIGHT_MAX: Final = 10.0
BRACKET_WEIGHT: Final = 1.1
TOTAL_MIN: Final = 1e-3
# What a backslash takes the meaning from; before all else it is a backslash.
ESCAPABLE: Final = frozenset('()[]{}<>,:\\-\u2014\u2013"\u201c\u201d')
NUMBER: Final = r"[+-]?(?:[0-9]{1,6}(?:\.[0-9]{0,17})?|\.[0-9]{1,17})"
_PART_WEIGHT: Final = re.compile(rf"{NUMBER}(?=[ ,]|::|$)")
_TERM_WEIGHT: Final = re.compile(rf": ?({NUMBER}) ?(?=\))")
_COMMA_WEIGHT: Final = re.compile(r": ?([0-9]{1,6}),([0-9]{1,6}) ?\)")
_LORA: Final = re.compile(r"<lora:([^<>]*)>", re.IGNORECASE)
_LORA_BEGUN: Final = re.compile(r"<lora:", re.IGNORECASE)
_CLOSING: Final = {"(": ")", "[": "]"}


class _Kind(StrEnum):
    TEXT = "text"
    OPEN = "open"
    CLOSE = "close"
    WEIGHT = "weight"
    PARTS = "parts"
    COMMA = "comma"
    LORA = "lora"


@dataclass(frozen=True, slots=True)
class _Token:
    """A piece of the text from `begin` to `end`; `text` is what it means as plain words."""

    kind: _Kind
    text: str
    begin: int
    end: int


@dataclass(frozen=True, slots=True)
class Piece:
    """Words with a weight, and where they were typed."""

    text: str
    weight: float
    begin: int
    end: int


@dataclass(frozen=True, slots=True)
class ReadPart:
    """A part with the pieces it was read from."""

    part: WeightedPart
    pieces: tuple[Piece, ...]


@dataclass(frozen=True, slots=True)
class ReadLora:
    """A LoRA named among the words: `NAME` or `NAME:0.8`."""

    text: Typed


@dataclass(frozen=True, slots=True)
class ReadWords:
    """All parts of a text, and the LoRAs that were named among them."""

    parts: tuple[ReadPart, ...]
    loras: tuple[ReadLora, ...] = ()


def read_words(text: Typed) -> ReadWords:
    """Read words that may be weighed, and split into parts by `::`.

    Raises:
        BadInput: a bracket or a weight makes no sense; the error points at it.

    """
    return _Reader(text, is_list=False).read()


def read_list(text: Typed) -> ReadWords:
    """Read words that may be weighed, each part up to the next comma that is in no bracket.

    Raises:
        BadInput: a bracket or a weight makes no sense; the error points at it.

    """
    return _Reader(text, is_list=True).read()


class _Reader:
    """Reads the tokens of a text once, from left to right; recursion is as deep as brackets."""

    def __init__(self, text: Typed, *, is_list: bool) -> None:
        self._text = text
        self._is_list = is_list
        self._tokens = iter(_tokenize(text))
        self._loras: list[ReadLora] = []

    def read(self) -> ReadWords:
        parts: list[ReadPart] = []
        pieces: list[Piece] = []
        for token in self._tokens:
            if token.kind is _Kind.PARTS and self._is_list:
                raise self._blame(_parts_in_list(), token)
            if token.kind is (_Kind.COMMA if self._is_list else _Kind.PARTS):
                parts += self._end_part(pieces, token)
                pieces = []
            elif token.kind is _Kind.COMMA and parts and _is_blank(pieces):
                continue  # "hot::2, dog": the comma only sets the next part apart
            else:
                self._add(pieces, token, depth=0)
        parts += self._end_part(pieces, None)
        return ReadWords(parts=self._balance(parts), loras=tuple(self._loras))

    def _add(self, pieces: list[Piece], token: _Token, *, depth: int) -> None:
        """Read on from a token; words that no bracket parts are one piece."""
        match token.kind:
            case _Kind.OPEN:
                pieces += self._read_bracket(token, depth=depth + 1)
            case _Kind.LORA:
                name = _LORA.match(self._text.text, token.begin)
                begin, end = name.span(1) if name else (token.begin, token.end)
                self._loras.append(ReadLora(self._text.cut(begin, end)))
            case _ if pieces and pieces[-1].end == token.begin:
                last = pieces[-1]
                pieces[-1] = Piece(last.text + token.text, last.weight, last.begin, token.end)
            case _:
                pieces.append(Piece(token.text, 1.0, self._first_of(token), token.end))

    def _first_of(self, token: _Token) -> int:
        """Return where a token's words begin, behind its blank."""
        is_blank = self._text.text[token.begin] == " " and token.end - token.begin > 1
        return token.begin + is_blank

    def _read_bracket(self, opened: _Token, *, depth: int) -> list[Piece]:
        """Read up to the bracket that closes this one; pieces come back weighed by it."""
        if depth > DEPTH_MAX:
            raise self._blame(PromptTooDeep(limit=DEPTH_MAX), opened)
        is_round, closing = opened.text == "(", _CLOSING[opened.text]
        weight = BRACKET_WEIGHT if is_round else 1 / BRACKET_WEIGHT
        pieces: list[Piece] = []
        for token in self._tokens:
            if token.kind is _Kind.CLOSE and token.text == closing:
                return [self._weigh(piece, weight, opened) for piece in pieces]
            if token.kind is _Kind.WEIGHT and is_round:
                weight = float(token.text.strip(": "))
            elif token.kind is _Kind.PARTS:
                raise self._blame(_parts_in_bracket(), token)
            else:
                self._refuse_comma_weight(token, is_round=is_round)
                self._add(pieces, token, depth=depth)
        raise self._blame(BracketUnbalanced(bracket=opened.text, closing=closing), opened)

    def _weigh(self, piece: Piece, weight: float, opened: _Token) -> Piece:
        weighed = round(piece.weight * weight, 4) + 0.0
        if abs(weighed) > WEIGHT_MAX:
            error = WeightOutOfRange(
                f"A word's weight is from -{WEIGHT_MAX:g} to {WEIGHT_MAX:g}, not {weighed:g}.",
                way_out="Write for example (fox:1.3), or \\: for the character itself.",
            )
            raise self._blame(error, opened)
        return Piece(piece.text, weighed, piece.begin, piece.end)

    def _refuse_comma_weight(self, token: _Token, *, is_round: bool) -> None:
        if token.text != ":" or not is_round:
            return
        found = _COMMA_WEIGHT.match(self._text.text, token.begin)
        if found:
            error = WeightOutOfRange(
                f"{found[1]},{found[2]} is no weight.",
                way_out=f"Did you mean (…:{found[1]}.{found[2]})? Or write \\: for the character.",
            )
            raise self._blame(error, token)

    def _end_part(self, pieces: Sequence[Piece], mark: _Token | None) -> Iterator[ReadPart]:
        given = mark.text.removeprefix("::") if mark and mark.kind is _Kind.PARTS else ""
        terms = settle(pieces)
        if terms:
            weight = float(given) if given else 1.0
            part = WeightedPart(terms=terms, weight=round(weight, 4) + 0.0)
            yield ReadPart(part=part, pieces=tuple(pieces))
        elif given and mark:
            raise self._blame(
                WeightOutOfRange(
                    f"The weight {given} stands after no words.",
                    way_out="Write the words first: hot::2 dog.",
                ),
                mark,
            )

    def _balance(self, parts: list[ReadPart]) -> tuple[ReadPart, ...]:
        """Refuse weights that come to nothing; a part alone weighs as much as any."""
        if self._is_list or not parts:
            return tuple(parts)
        total = sum(each.part.weight for each in parts)
        # Less could not be told from nothing once it is divided by.
        if total < TOTAL_MIN:
            error = WeightOutOfRange(
                "The weights of a prompt's parts must come to more than nothing "
                f"(they come to {total:g}).",
                way_out="Give what you want to see more weight: still life::2 fruit::-0.5.",
            )
            lightest = min(parts, key=lambda each: each.part.weight)
            raise self._text.blame(error, lightest.pieces[0].begin)
        if len(parts) > 1:
            return tuple(parts)
        only = parts[0]
        return (ReadPart(part=WeightedPart(terms=only.part.terms), pieces=only.pieces),)

    def _blame(self, error: BadInput, token: _Token) -> BadInput:
        return self._text.blame(error, token.begin)


def settle(pieces: Sequence[Piece]) -> tuple[WeightedTerm, ...]:
    """Return pieces as terms: neighbours of one weight together, and no blank that says nothing."""
    texts: list[str] = []
    weights: list[float] = []
    for piece in pieces:
        text = piece.text.lstrip() if not texts or texts[-1].endswith(" ") else piece.text
        if not text:
            continue
        if texts and (not text.strip() or _is_one(texts[-1], text, weights[-1], piece.weight)):
            texts[-1] += text
        else:
            texts.append(text)
            weights.append(piece.weight)
    if texts:
        texts[-1] = texts[-1].rstrip()
    return tuple(
        WeightedTerm(text=text, weight=weight) for text, weight in zip(texts, weights, strict=True)
    )


def _is_one(before: str, behind: str, weight_before: float, weight: float) -> bool:
    """Say whether two texts are read as one. Words that a bracket sets apart are two."""
    has_blank = before.endswith(" ") or behind.startswith(" ")
    return weight == weight_before and (weight == 1 or has_blank)


def _is_blank(pieces: Sequence[Piece]) -> bool:
    return not any(piece.text.strip() for piece in pieces)


def _tokenize(text: Typed) -> Iterator[_Token]:
    """Cut a text into tokens, neighbouring plain characters together."""
    begin = at = 0
    literal: list[str] = []
    while at < len(text.text):
        token = _mark(text, at)
        if token is None:
            character, length = _character(text.text, at)
            literal.append(character)
            at += length
            continue
        if literal:
            yield _Token(_Kind.TEXT, "".join(literal), begin, at)
            literal = []
        yield token
        begin = at = token.end
    if literal:
        yield _Token(_Kind.TEXT, "".join(literal), begin, at)


def _character(text: str, at: int) -> tuple[str, int]:
    if text[at] == "\\" and text[at + 1 : at + 2] in ESCAPABLE:
        return text[at + 1], 2
    return text[at], 1


def _mark(text: Typed, at: int) -> _Token | None:
    """Return the mark that begins here, if one does."""
    match text.text[at]:
        case "(" | "[" as bracket:
            return _Token(_Kind.OPEN, bracket, at, at + 1)
        case ")" | "]" as bracket:
            return _Token(_Kind.CLOSE, bracket, at, at + 1)
        case ",":
            return _Token(_Kind.COMMA, ",", at, at + 1)
        case ":":
            return _colon(text.text, at)
        case "<" if _LORA_BEGUN.match(text.text, at):
            found = _LORA.match(text.text, at)
            if found is None:
                raise text.blame(_lora_unclosed(), at)
            return _Token(_Kind.LORA, found[0], at, found.end())
        case _:
            return None


def _colon(text: str, at: int) -> _Token:
    if text.startswith("::", at):
        number = _PART_WEIGHT.match(text, at + 2)
        end = number.end() if number else at + 2
        return _Token(_Kind.PARTS, text[at:end], at, end)
    weight = _TERM_WEIGHT.match(text, at)
    if weight:
        return _Token(_Kind.WEIGHT, weight[0], at, weight.end())
    return _Token(_Kind.TEXT, ":", at, at + 1)


def _parts_in_bracket() -> BadInput:
    return BracketUnbalanced(bracket="(", closing=") before the ::")


def _parts_in_list() -> BadInput:
    error = InvalidParameter(name="no", expected="words with commas between them")
    error.way_out = "A word's own weight is written (word:1.3)."
    return error


def _lora_unclosed() -> BadInput:
    error = InvalidParameter(name="lora", expected="a name and a scale")
    error.way_out = "Write <lora:NAME:0.8>, or \\< for the character itself."
    return error
