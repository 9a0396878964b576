"""Checks over the words of a prompt."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Final, Literal, assert_never

from safety.prompt_check import PromptCheck

PromptCheckName = Literal["blocklist", "entities", "classifier", "guard", "names"]
SHIPPED: Final[tuple[PromptCheckName, ...]] = ("blocklist", "entities", "classifier")

# What decides what the checks find: rules, networks, and the code that reads both.
_READ_BY: Final = ("*.toml", "*.npz", "*.py")
_NOT_READ: Final = "training"


@dataclass(frozen=True, kw_only=True)
class PromptCheckSettings:
    """Which models of transformers judge beside the checks that ship: folders or hub ids.

    `guard_labels` tells which of a text classifier's labels is which of our categories; a text they
    have not judged within `deadline_s` is blocked.
    """

    guard_model: str = ""
    guard_labels: Mapping[str, str] = field(default_factory=dict)
    names_model: str = ""
    deadline_s: float = 2.0


NO_MODELS: Final = PromptCheckSettings()


def open_prompt_check(
    name: PromptCheckName, settings: PromptCheckSettings = NO_MODELS
) -> PromptCheck:
    """Open one check by name.

    Raises:
        LexiconInvalid: a rule file cannot be read.
        CheckFailed: a model cannot be opened.

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
        case "guard":
            from safety.prompt_checks.transformers_model import guard
            from safety.prompt_checks.transformers_model.process import ModelProcess

            model = ModelProcess(
                task=guard.TASK, model=settings.guard_model, deadline_s=settings.deadline_s
            )
            return guard.GuardPromptCheck(model=model, categories=settings.guard_labels)
        case "names":
            from safety.prompt_checks.transformers_model import names
            from safety.prompt_checks.transformers_model.process import ModelProcess

            model = ModelProcess(
                task=names.TASK, model=settings.names_model, deadline_s=settings.deadline_s
            )
            return names.NamesPromptCheck(model=model, entities=open_prompt_check("entities"))
        case _:
            assert_never(name)


def open_prompt_checks(settings: PromptCheckSettings = NO_MODELS) -> tuple[PromptCheck, ...]:
    """Open every check an installation runs: those that ship, and the models that are set."""
    names = list(SHIPPED)
    if settings.guard_model:
        names.append("guard")
    if settings.names_model:
        names.append("names")
    return tuple(open_prompt_check(name, settings) for name in names)


def rules_version(settings: PromptCheckSettings = NO_MODELS) -> str:
    """Return a digest of the rule files, the networks, the code that reads them and the models set.

    Where it is the same, the same text is given the same findings.
    """
    if settings == NO_MODELS:
        return _shipped_version()
    said = f"{_shipped_version()} {settings}"
    return hashlib.sha256(said.encode()).hexdigest()[:16]


@cache
def _shipped_version() -> str:
    digest = hashlib.sha256()
    here = Path(__file__).parent
    for folder in (here, here.parent / "spelling"):
        paths = [path for pattern in _READ_BY for path in folder.rglob(pattern)]
        for path in sorted(path for path in paths if _NOT_READ not in path.parts):
            digest.update(path.relative_to(here.parent).as_posix().encode() + b"\0")
            digest.update(path.read_bytes())
    return digest.hexdigest()[:16]
