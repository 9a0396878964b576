"""Regular endings of a language's words, so that the glossary need write only one form."""

from collections.abc import Iterator
from functools import cache
from importlib.resources import files

from backend.prompt.translators.glossary.kinds import Kind

_ABSENT = "-"


def forms(word: str, kind: Kind, language: str) -> Iterator[str]:
    """Yield the regular forms of a word, not the word itself."""
    for ending, others in _endings().get((language, kind), ()):
        if word.endswith(ending) and len(word) > len(ending) + 1:
            yield from (word.removesuffix(ending) + other for other in others)
            break
    if language == "nl" and kind is Kind.ADJECTIVE:
        yield from _dutch(word)


@cache
def _endings() -> dict[tuple[str, Kind], list[tuple[str, tuple[str, ...]]]]:
    """Read the file: what may stand in the place of each ending."""
    file = files("backend.prompt.translators.glossary") / "endings.txt"
    read: dict[tuple[str, Kind], list[tuple[str, tuple[str, ...]]]] = {}
    for line in file.read_text(encoding="utf-8").splitlines():
        if line.startswith("#"):
            continue
        language, kinds, ending, others = line.split("|")
        row = (ending, tuple("" if one == _ABSENT else one for one in others.split()))
        for kind in kinds.split():
            read.setdefault((language, Kind(kind)), []).append(row)
    return read


def _dutch(word: str) -> Iterator[str]:
    """Yield an adjective with -e as it is spelt: rood, rode; wit, witte; grijs, grijze."""
    head, last = word[:-1], word[-1:]
    soft = {"f": "v", "s": "z"}.get(last, last)
    yield f"{head}{soft}e"
    yield f"{word}{last}e"
    if head[-2:] in ("aa", "ee", "oo", "uu"):
        yield f"{head[:-1]}{soft}e"
