"""Cuts a prompt in three: links to pictures first, then words, then parameters with their values.

A parameter is two dashes (or a long dash that phones and word processors make of them) right before
a name, at the beginning of a word; all other dashes are dashes.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from backend.domain.errors import QuoteUnclosed
from backend.prompt.spellings import find, unknown
from backend.prompt.typed import Typed

_LINK: Final = re.compile(r"<(https?://[^\s<>]+)>,?|(https?://\S*[^\s,]),*", re.IGNORECASE)
DASHES: Final = re.compile(r"(--|\u2013\u2013|\u2014|\u2013)([^\W\d_][^\s=]*)=?")
_CLOSING: Final = {'"': '"', "\u201c": "\u201d"}


@dataclass(frozen=True, slots=True)
class Given:
    """A parameter as it was written: its own name, the way it was spelt, and its value.

    `mark` is the text from its dashes on, to point at.
    """

    name: str
    spelling: str
    mark: Typed
    value: Typed


@dataclass(frozen=True, slots=True)
class Prompt:
    """What a text consists of."""

    links: tuple[Typed, ...]
    words: Typed
    given: tuple[Given, ...]


def split(text: Typed) -> Prompt:
    """Cut a text into links, words and parameters.

    Raises:
        UnknownParameter: two dashes before what is no parameter.
        QuoteUnclosed: a quoted value does not end, or does not end the value.

    """
    links, at = _links(text)
    begin = next(_marks(text, at), None)
    words = text.cut(at, begin.start() if begin else None).strip()
    return Prompt(links=links, words=words, given=tuple(_parameters(text, at)))


def unquote(value: Typed) -> str:
    """Return a value's text with what backslashes protect."""
    return re.sub(r"\\([\\,:\"\u201c\u201d{}()\[\]<>-])", r"\1", value.text)


def _links(text: Typed) -> tuple[tuple[Typed, ...], int]:
    links: list[Typed] = []
    at = 0
    while found := _LINK.match(text.text, at):
        links.append(text.cut(*found.span(found.lastindex or 0)))
        at = found.end()
        while text.text[at : at + 1] == " ":
            at += 1
    return tuple(links), at


def _marks(text: Typed, at: int) -> Iterator[re.Match[str]]:
    """Yield where parameters begin, passing by what is quoted as a value."""
    while found := _next_mark(text.text, at):
        yield found
        at = _behind_quotes(text, found)


def _next_mark(text: str, at: int) -> re.Match[str] | None:
    for found in DASHES.finditer(text, at):
        is_word = found.start() == 0 or text[found.start() - 1] == " "
        # Prose has long dashes too: those are parameters only before a name that is one.
        if is_word and (found[1] == "--" or find(found[2])):
            return found
    return None


def _parameters(text: Typed, at: int) -> Iterator[Given]:
    marks = list(_marks(text, at))
    ends = [*(mark.start() for mark in marks[1:]), len(text.text)]
    for mark, end in zip(marks, ends, strict=False):
        parameter = find(mark[2])
        if parameter is None:
            raise text.blame(unknown(mark[2]), mark.start())
        value = text.cut(mark.end(), end).strip()
        yield Given(
            name=parameter.name,
            spelling=mark[2].casefold(),
            mark=text.cut(mark.start(), end),
            value=_without_quotes(value, parameter.name),
        )


def _behind_quotes(text: Typed, mark: re.Match[str]) -> int:
    """Return where to look for the next parameter: behind the value's quotes, if it has some."""
    begin = mark.end()
    while text.text[begin : begin + 1] == " ":
        begin += 1
    if text.text[begin : begin + 1] not in _CLOSING:
        return mark.end()
    end = _closing_quote(text.text, begin)
    if end is None:
        raise text.blame(QuoteUnclosed(name=mark[2]), begin)
    return end + 1


def _without_quotes(value: Typed, name: str) -> Typed:
    if value.text[:1] not in _CLOSING:
        return value
    end = _closing_quote(value.text, 0)
    if end is None or end + 1 != len(value.text):
        raise value.blame(QuoteUnclosed(name=name), 0 if end is None else end + 1)
    return value.cut(1, end).strip()


def _closing_quote(text: str, begin: int) -> int | None:
    closing = _CLOSING[text[begin]]
    at = begin + 1
    while at < len(text):
        if text[at] == "\\":
            at += 2
        elif text[at] == closing:
            return at
        else:
            at += 1
    return None
