"""Reads the pictures that a prompt names: links before its words, and references behind them."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from backend.domain.errors import BadInput, InvalidParameter, PictureOperationInvalid
from backend.domain.pictures import PICTURES_MAX, NamedPicture, PictureUse
from backend.prompt.typed import Typed

_ESCAPED: Final = re.compile(r"\\([\\{},])")
_TO_ESCAPE: Final = re.compile(r"[\\{}]")
_WEIGHED: Final = re.compile(r"(\S+?)(?:::([0-9]{0,3}\.?[0-9]{1,4})?)?", re.ASCII)
_LOOKS_WEIGHED: Final = re.compile(r"::(?:[0-9]{0,3}\.?[0-9]{1,4})?$", re.ASCII)
_WEIGHT_MAX: Final = 100.0


@dataclass(frozen=True, slots=True)
class Mention:
    """A picture that a prompt names, and where it stands in what was typed."""

    picture: NamedPicture
    at: Typed


def read_links(links: Sequence[Typed]) -> tuple[Mention, ...]:
    """Return the pictures whose look is taken up."""
    return tuple(Mention(NamedPicture(name=_unescape(link.text)), link) for link in links)


def read_references(name: str, value: Typed, use: PictureUse) -> tuple[Mention, ...]:
    """Return the pictures that a parameter names, `URL::2 upl_…`, each with its weight.

    Raises:
        InvalidParameter: one is neither a link nor a picture of this workshop.

    """
    mentions = tuple(_read_reference(name, one, use) for one in _words(value))
    if not mentions:
        raise _no_picture(name)
    return mentions


def must_be_few(mentions: Sequence[Mention]) -> None:
    """Refuse more pictures than are looked at.

    Raises:
        PictureOperationInvalid: there are more; the error points at the first too many.

    """
    if len(mentions) > PICTURES_MAX:
        error = PictureOperationInvalid(
            f"At most {PICTURES_MAX} pictures are looked at beside the words.",
            way_out="Leave some of them out.",
        )
        raise mentions[PICTURES_MAX].at.blame(error)


def write_link(picture: NamedPicture) -> str:
    """Write a picture as it is read before the words."""
    return _TO_ESCAPE.sub(r"\\\g<0>", picture.name)


def write_reference(picture: NamedPicture) -> str:
    """Write a picture as a parameter names it."""
    name = write_link(picture)
    is_plain = picture.weight == 1 and not _LOOKS_WEIGHED.search(name)
    return name if is_plain else f"{name}::{picture.weight:g}"


def _words(value: Typed) -> Iterator[Typed]:
    for found in re.finditer(r"\S+", value.text):
        yield value.cut(*found.span())


def _read_reference(name: str, word: Typed, use: PictureUse) -> Mention:
    found = _WEIGHED.fullmatch(word.text.rstrip(","))
    weight = 1.0 if found is None or found[2] is None else float(found[2])
    named = _unescape(found[1] if found else word.text)
    picture = NamedPicture(name=named, use=use, weight=weight)
    if not picture.is_known:
        raise word.blame(_no_picture(name))
    if not 0 < weight <= _WEIGHT_MAX:
        error = InvalidParameter(name=name, expected="weights above 0, up to 100")
        error.way_out = f"Write for example --{name} {named[:64]}::2."
        raise word.blame(error)
    return Mention(picture, word)


def _unescape(text: str) -> str:
    return _ESCAPED.sub(r"\1", text)


def _no_picture(name: str) -> BadInput:
    error = InvalidParameter(name=name, expected="a picture")
    error.way_out = (
        "Write a link to it, the id of an upload (upl_\u2026), or one of your pictures, "
        "gen_\u2026/2 for the second of a job. Codes and `random` are of other workshops."
    )
    return error
