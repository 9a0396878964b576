"""Checks over the words of a prompt."""

from typing import Literal, assert_never, get_args

from safety.prompt_check import PromptCheck

PromptCheckName = Literal["blocklist", "entities", "classifier"]


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
