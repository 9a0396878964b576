"""Reads the training texts and draws prompts from their templates, the same for the same seed.

`[category family]` heads templates, one a line or parted by ` | `; `[:name]` heads a list of words.
In a template `<name>` draws from a list and `{a|b|}` from what stands in it, nested as one likes.
"""

import random
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, Final

HARMLESS: Final = "harmless"
_GORE_RULES: Final = ("violence.bloody", "violence.gore", "violence.torn", "violence.blood_attack")
FILES: Final = (
    "unsafe.txt",
    "told.txt",
    "abroad.txt",
    "harmless.txt",
    "lookalikes.txt",
    "everywhere.txt",
)
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
    texts = [folder.joinpath(name).read_text(encoding="utf-8") for name in FILES]
    shared: dict[str, tuple[str, ...]] = {}
    for text in texts:
        shared = {**_parse(text)[0], **shared}
    return [family for text in texts for family in _read(text, shared)]


def read_list(name: str, file: str) -> tuple[str, ...]:
    """Return one list of words of a training text."""
    folder = files("safety.prompt_checks.classifier.training")
    lists, _ = _parse(folder.joinpath(file).read_text(encoding="utf-8"))
    return lists[name]


def read_sentences() -> tuple[str, ...]:
    """Return the plain sentences that `bench/screening_sentences.py` chose."""
    folder = files("safety.prompt_checks.classifier.training")
    lines = folder.joinpath("sentences.txt").read_text(encoding="utf-8").splitlines()
    return tuple(line for line in lines if not line.startswith("#"))


def read_phrases() -> Iterator[tuple[str, str]]:
    """Yield the phrases that rules list, each with its category; `harmless` ones are `risky`.

    What joins minors and sex is a rule and nothing else: it is not learned.
    """
    for rule, sets in _rules():
        for phrase in _phrases(rule.get("terms", "")):
            yield _category(rule), phrase
        if rule["id"] == "sexual.act":
            for phrase in _phrases(sets[HARMLESS]):
                yield "risky", phrase


def read_combinations() -> Iterator[tuple[str, tuple[tuple[str, ...], ...]]]:
    """Yield the sets that rules ask one phrase each of, with the rule's category."""
    for rule, sets in _rules():
        named = [tuple(_phrases(sets[name])) for name in rule.get("all", ())]
        if named and all(named):
            yield _category(rule), tuple(named)


def _rules() -> Iterator[tuple[dict[str, Any], dict[str, str]]]:
    folder = files("safety.prompt_checks.blocklist")
    sets: dict[str, str] = {}
    rules: list[dict[str, Any]] = []
    for entry in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if entry.name.endswith(".toml"):
            document = tomllib.loads(entry.read_text(encoding="utf-8"))
            sets.update(document.get("sets", {}))
            if entry.name != "child_safety.toml":
                rules += [
                    {"category": document["category"], **rule} for rule in document.get("rules", ())
                ]
    for rule in rules:
        yield rule, sets


def _category(rule: dict[str, Any]) -> str:
    """Return what the network is to learn a rule's words as."""
    category = str(rule["category"])
    if category == "violence_gore":
        return "gore" if rule["id"] in _GORE_RULES else "violence"
    return category


def _phrases(text: str) -> Iterator[str]:
    for phrase in re.split(r"[,\n]", text):
        if phrase.strip() and not phrase.strip().startswith("@"):
            yield phrase.strip()


def _read(text: str, shared: Mapping[str, tuple[str, ...]]) -> Iterator[Family]:
    own, families = _parse(text)
    lists = {**shared, **own}
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
