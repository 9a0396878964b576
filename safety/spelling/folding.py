"""Brings a text to one plain spelling: small letters, no marks, nothing invisible.

`fold` keeps other alphabets; `latinise` reads one word as the Latin one that it looks like.
"""

import re
import unicodedata
from functools import lru_cache
from typing import Final

_ROUNDS_MAX: Final = 4

# Letters that are drawn as nothing at all, and yet count as letters.
_BLANK_LETTERS: Final = frozenset("\u115f\u1160\u17b4\u17b5\u3164\uffa0\u2800")


def _pairs(written: str, read: str) -> dict[str, str]:
    return dict(zip(written, read, strict=True))


def _run_of(first: int, letters: str) -> dict[str, str]:
    return {chr(first + i): letter for i, letter in enumerate(letters)}


_ALPHABET: Final = "abcdefghijklmnopqrstuvwxyz"
# Latin letters that no normal form reduces: small capitals, strokes, hooks, letters in boxes.
_LATIN: Final[dict[str, str]] = {
    **_run_of(0x1F150, _ALPHABET),
    **_run_of(0x1F170, _ALPHABET),
    **_run_of(0x1F1E6, _ALPHABET),
    **_pairs("ᴀʙᴄᴅᴇꜰɢʜɪᴊᴋʟᴍɴᴏᴘʀꜱᴛᴜᴠᴡʏᴢ", "abcdefghijklmnoprstuvwyz"),
    **_pairs("øłđħŧıȷɑɡɩɾɹɐɔɥɯʇʌʍʎǝɟʞƃɓɗɠƙƥƭƈɛƒɲŋƞ", "oldhtijagirracmmtvwyefkgbdgkptcefnnn"),
    "æ": "ae",
    "œ": "oe",
    "þ": "th",
}
_DROPPED_CATEGORIES: Final = frozenset({"Mn", "Me", "Cf", "Cs", "Co", "Cn"})
# From Devanagari to Lao, vowels are marks: without them a word is another word.
_MARKED_SCRIPTS_FIRST: Final = "\u0900"
_MARKED_SCRIPTS_LAST: Final = "\u0eff"

# Look-alikes of Latin letters in other alphabets, already in small letters and without marks.
_LOOK_ALIKES: Final[dict[str, str]] = {
    **_pairs("авгдезиклмнопрстухцчшьэяѕіјһԁԛԝүӏ", "abrde3uknmhonpctyxu4wbersijhdqwyl"),
    **_pairs("αβγδεζηικλμνξοπρςστυφχψω", "abydeznikluveonpcstuoxyw"),
    **_pairs("աբգզեհյնոպսցք", "wpqqehjnnuugf"),
}

_CONTROLS: Final = re.compile(r"[\x00-\x1f\x7f]")


def fold(text: str) -> str:
    """Fold a text to its plain spelling. Idempotent, linear in the text's length, never raises."""
    for _ in range(_ROUNDS_MAX):
        if text.isascii():
            return _CONTROLS.sub(" ", text.lower())
        folded = _fold_once(text)
        if folded == text:
            break
        text = folded
    return text


def _fold_once(text: str) -> str:
    decomposed = unicodedata.normalize("NFKD", text).casefold()
    return "".join([_fold_character(character) for character in decomposed])


@lru_cache(maxsize=8192)
def _fold_character(character: str) -> str:
    if character.isascii():
        return " " if character < " " or character == "\x7f" else character
    if character in _BLANK_LETTERS:
        return ""
    known = _LATIN.get(character)
    if known is not None:
        return known
    if _MARKED_SCRIPTS_FIRST <= character <= _MARKED_SCRIPTS_LAST:
        return character
    category = unicodedata.category(character)
    if category in _DROPPED_CATEGORIES:
        return ""
    return " " if category[0] in "ZC" else character


def fold_places(text: str) -> list[int] | None:
    """Return which character of a text each character of `fold(text)` comes from.

    None where that cannot be told, which is rare: a fold that joins characters.
    """
    if text.isascii():
        return list(range(len(text)))
    folded = [fold(character) for character in text]
    if "".join(folded) != fold(text):
        return None
    return [place for place, letters in enumerate(folded) for _ in letters]


def latinise(word: str) -> str:
    """Read a folded word as the Latin word it looks like; what looks like nothing Latin stays."""
    return "".join([_LOOK_ALIKES.get(character, character) for character in word])
