"""Checks over the words of a prompt."""

import hashlib
from functools import cache
from pathlib import Path
from typing import Final, Literal, assert_never, get_args

from safety.prompt_check import PromptCheck

PromptCheckName = Literal["blocklist", "entities", "classifier"]

# What decides what the checks find: rules, networks, and the code that reads both.
_READ_BY: Final = ("*.toml", "*.npz", "*.py")
_NOT_READ: Final = "training"


def open_prompt_check(name: PromptCheckName) -> PromptCheck:
    """Open one check by name.

    Raises:
        LexiconInvalid: a rule file cannot be read.

    """
    match name:
        case "blocklist":
            from safety.prompt_checks.blocklist.check import BlocklistPromptCheck
            from safety.prompt_checks.blocklist.lexicon import read_lexicon, shipped_rule_files

            return BlocklistPromptCheck(lexicon=read_lexicon(shipped_rule_files()))
        case "entities":
            from safety.prompt_checks.blocklist.check import BlocklistPromptCheck
            from safety.prompt_checks.blocklist.lexicon import read_lexicon, shipped_entity_files

            lexicon = read_lexicon(shipped_entity_files())
            return BlocklistPromptCheck(lexicon=lexicon, name="entities")
        case "classifier":
            from safety.prompt_checks.classifier.check import ClassifierPromptCheck
            from safety.prompt_checks.classifier.network import open_classifier

            return ClassifierPromptCheck(classifier=open_classifier())
        case _:
            assert_never(name)


def open_prompt_checks() -> tuple[PromptCheck, ...]:
    """Open every check an installation runs."""
    return tuple(open_prompt_check(name) for name in get_args(PromptCheckName))


@cache
def rules_version() -> str:
    """Return a digest of the rule files, the networks and the code that reads them.

    Where it is the same, the same text is given the same findings.
    """
    digest = hashlib.sha256()
    here = Path(__file__).parent
    for folder in (here, here.parent / "spelling"):
        paths = [path for pattern in _READ_BY for path in folder.rglob(pattern)]
        for path in sorted(path for path in paths if _NOT_READ not in path.parts):
            digest.update(path.relative_to(here.parent).as_posix().encode() + b"\0")
            digest.update(path.read_bytes())
    return digest.hexdigest()[:16]
