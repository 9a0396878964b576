"""Reads rule files and holds what they say: named sets of phrases, and rules over those sets.

A rule file is TOML: `version`, `category`, `[sets]` of phrases (by commas or lines), `[[rules]]`,
each of which may name another category. A rule lists `terms` of its own, or asks for one phrase of
each set in `all`, `within` so many words, unless a set in `unless` is met too. `@name` takes in
another set or another rule's terms. Two sets are for all rules: `harmless` phrases mean no harm,
`ordinary` words are no other word's disguise.
"""

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any, Final

from safety.errors import LexiconInvalid
from safety.prompt_checks.blocklist.phrases import ANY_ENDING, PhraseTree
from safety.prompt_checks.blocklist.vocabulary import Vocabulary
from safety.spelling.folding import fold
from safety.verdict import Outcome

FORMAT_VERSION: Final = 1
HARMLESS: Final = "harmless"
ORDINARY: Final = "ordinary"
_SEPARATOR: Final = re.compile(r"[,\n]")
# Scripts that write no blanks between words: found anywhere in the text.
_UNSPACED: Final = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7a3\u0e00-\u0e7f]")


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One reason to hold a prompt; `within` counts the words between the sets' phrases."""

    id: str
    category: str
    outcome: Outcome
    all_of: tuple[str, ...]
    within: int | None = None
    is_ordered: bool = False
    unless: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Lexicon:
    """Everything the rule files say, ready to be looked up."""

    rules: tuple[Rule, ...]
    tree: PhraseTree
    unspaced: Mapping[str, tuple[str, ...]]
    vocabulary: Vocabulary


def shipped_rule_files() -> list[str]:
    """Return the text of each rule file in this package, but not of its folder of entities."""
    return _rule_files(files("safety.prompt_checks.blocklist"))


def shipped_entity_files() -> list[str]:
    """Return the text of each file that names people, artists and brands."""
    return _rule_files(files("safety.prompt_checks.blocklist").joinpath("entities"))


def _rule_files(folder: Traversable) -> list[str]:
    names = sorted(entry.name for entry in folder.iterdir() if entry.name.endswith(".toml"))
    return [folder.joinpath(name).read_text(encoding="utf-8") for name in names]


def read_lexicon(rule_files: Iterable[str]) -> Lexicon:
    """Read rule files into one lexicon.

    Raises:
        LexiconInvalid: a file is not TOML, of another version, or names what no file has.

    """
    sets: dict[str, list[str]] = {}
    rules: list[Rule] = []
    for text in rule_files:
        try:
            _read_file(tomllib.loads(text), sets, rules)
        except (tomllib.TOMLDecodeError, KeyError, ValueError, TypeError, AttributeError) as error:
            raise LexiconInvalid(f"a rule file cannot be read: {error}") from error
    _check_names(sets, rules)
    return _build(sets, rules)


def _read_file(document: dict[str, Any], sets: dict[str, list[str]], rules: list[Rule]) -> None:
    if document["version"] != FORMAT_VERSION:
        raise ValueError(f"version {document['version']} is not {FORMAT_VERSION}")
    for name, phrases in document.get("sets", {}).items():
        sets.setdefault(name, []).extend(_phrases(phrases))
    for entry in document.get("rules", []):
        rule = _read_rule(entry, document["category"])
        if "terms" in entry:
            sets.setdefault(rule.id, []).extend(_phrases(entry["terms"]))
        rules.append(rule)


def _read_rule(entry: dict[str, Any], category: str) -> Rule:
    return Rule(
        id=entry["id"],
        category=entry.get("category", category),
        outcome=Outcome(entry.get("outcome", Outcome.BLOCK)),
        all_of=tuple(entry.get("all", ())) or (entry["id"],),
        within=entry.get("within"),
        is_ordered=bool(entry.get("ordered", False)),
        unless=tuple(entry.get("unless", ())),
    )


def _phrases(text: str) -> list[str]:
    return [phrase.strip() for phrase in _SEPARATOR.split(text) if phrase.strip()]


def _check_names(sets: dict[str, list[str]], rules: list[Rule]) -> None:
    named = {name for rule in rules for name in (*rule.all_of, *rule.unless)}
    named |= {phrase[1:] for phrases in sets.values() for phrase in phrases if phrase[0] == "@"}
    if missing := named - sets.keys():
        raise LexiconInvalid(f"no rule file has {', '.join(sorted(missing))}")


def _build(sets: dict[str, list[str]], rules: list[Rule]) -> Lexicon:
    tree = PhraseTree()
    unspaced: dict[str, tuple[str, ...]] = {}
    guarded: set[str] = set()
    excusing = {HARMLESS, *(name for rule in rules for name in rule.unless)}
    for name in sets.keys() - {ORDINARY}:
        phrases = _resolve(name, sets)
        joined = {phrase for phrase in phrases if _UNSPACED.search(phrase)}
        if joined:
            unspaced[name] = tuple(fold(word) for phrase in joined for word in phrase.split("|"))
        for phrase in phrases - joined:
            tree.add(phrase, name)
        if name not in excusing:
            guarded |= _single_words(phrases)
    ordinary = _single_words(_resolve(ORDINARY, sets)) if ORDINARY in sets else set[str]()
    vocabulary = Vocabulary(
        words=tree.words, stems=tree.stems, guarded=guarded - ordinary, ordinary=ordinary
    )
    return Lexicon(rules=tuple(rules), tree=tree, unspaced=unspaced, vocabulary=vocabulary)


def _single_words(phrases: set[str]) -> set[str]:
    return {
        fold(word.removesuffix(ANY_ENDING))
        for phrase in phrases
        if " " not in phrase
        for word in phrase.split("|")
    }


def _resolve(name: str, sets: dict[str, list[str]]) -> set[str]:
    seen, waiting, phrases = set[str](), [name], set[str]()
    while waiting:
        current = waiting.pop()
        if current in seen:
            continue
        seen.add(current)
        for phrase in sets[current]:
            if phrase.startswith("@"):
                waiting.append(phrase[1:])
            else:
                phrases.add(phrase)
    return phrases
