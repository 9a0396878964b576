"""Tells Chinese names of people whose every character the glossary knows as a word.

`马云` is somebody and no horse in a cloud. Most names hold a character that is in no glossary, and
are kept for that; what is left are a few surnames that are words as well.
"""

from typing import Final

from backend.prompt.translators.glossary.kinds import Kind

CHARACTERS_MAX: Final = 3
# Surnames that are things: a thing is not followed by its own colour or size but in a name.
_THINGS: Final = frozenset("\u9a6c\u9f99\u6c64\u718a\u725b")
# A bear who is a doctor is on many pictures.
_ANIMALS: Final = frozenset("\u718a\u725b\u9f99")
# Surnames that are colours and sizes, which things usually follow.
_LOOKS: Final = frozenset("\u9ec4\u767d\u9ad8")
# Clouds, dragons, seas, mountains, snow, rain, light, bamboo, dreams: what people are called after.
_GIVEN: Final = frozenset("\u4e91\u9f99\u6d77\u5c71\u96ea\u96e8\u5149\u7af9\u68a6\u7ea2")
# Dragons go with all of these.
_MYTHICAL: Final = "\u9f99"
# Painter, singer; doctor, teacher. Other callings the glossary does not know, nor whom they name.
_BEFORE: Final = ("\u753b\u5bb6", "\u6b4c\u624b")
_BEHIND: Final = ("\u533b\u751f", "\u8001\u5e08")


def is_name(characters: str, kinds: tuple[Kind, ...], *, before: str, behind: str) -> bool:
    """Say whether some known characters in a row, each a word of its kind, are somebody's name.

    `before` and `behind` are the words around them.
    """
    surname, given = characters[:1], characters[1:]
    if surname not in _THINGS | _LOOKS or len(characters) > CHARACTERS_MAX:
        return False
    if given and before in _BEFORE:
        return True
    if behind in _BEHIND and surname not in _ANIMALS:
        return True
    if not given:
        return False
    if surname in _LOOKS:
        return len(given) > 1 and kinds[1] is Kind.ADJECTIVE and given[-1] in _GIVEN
    return kinds[1] is Kind.ADJECTIVE or (surname != _MYTHICAL and given[0] in _GIVEN)
