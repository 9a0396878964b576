"""Reads the training texts and draws prompts from their templates, the same for the same seed.

`[category family]` heads templates, one a line or parted by ` | `; `[:name]` heads a list of words.
In a template `<name>` draws from a list and `{a|b|}` from what stands in it, nested as one likes.
"""

import random
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Final

FILES: Final = ("unsafe.txt", "harmless.txt", "everywhere.txt")
_HEADING: Final = re.compile(r"\[(:?)(.+)\]$")
_NAME: Final = re.compile(r"<([a-z]+)>")
_INNERMOST: Final = re.compile(r"\{([^{}]*)\}")


@dataclass(frozen=True, kw_only=True)
class Family:
    """Templates of one kind, and the words they draw from."""

    category: str
    name: str
    templates: tuple[str, ...]
    lists: Mapping[str, tuple[str, ...]]

    def draw(self, source: random.Random) -> str:
        """Draw one prompt."""
        text = source.choice(self.templates)
        while True:
            names = _NAME.search(text)
            braces = _INNERMOST.search(text)
            match = braces or names
            if match is None:
                return " ".join(text.split())
            options: Sequence[str]
            options = match[1].split("|") if match is braces else self.lists[match[1]]
            text = text[: match.start()] + source.choice(options) + text[match.end() :]


def read_families() -> list[Family]:
    """Read every family of the training texts."""
    folder = files("safety.prompt_checks.classifier.training")
    return [
        family
        for name in FILES
        for family in _read(folder.joinpath(name).read_text(encoding="utf-8"))
    ]


def read_list(name: str, file: str) -> tuple[str, ...]:
    """Return one list of words of a training text."""
    folder = files("safety.prompt_checks.classifier.training")
    lists, _ = _parse(folder.joinpath(file).read_text(encoding="utf-8"))
    return lists[name]


def _read(text: str) -> Iterator[Family]:
    lists, families = _parse(text)
    for heading, templates in families.items():
        category, name = heading.split()
        yield Family(category=category, name=name, templates=tuple(templates), lists=lists)


def _parse(text: str) -> tuple[dict[str, tuple[str, ...]], dict[str, list[str]]]:
    lists: dict[str, tuple[str, ...]] = {}
    families: dict[str, list[str]] = {}
    heading, is_list = "", False
    for line in text.splitlines():
        match = _HEADING.match(line)
        if match:
            heading, is_list = match[2], bool(match[1])
        elif line and not line.startswith("#"):
            items = [item for item in line.split(" | ") if item.strip()]
            if is_list:
                lists[heading] = lists.get(heading, ()) + tuple(item.strip() for item in items)
            else:
                families.setdefault(heading, []).extend(items)
    return lists, families
