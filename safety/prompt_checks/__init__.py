"""Checks over the words of a prompt."""

from typing import Literal, assert_never

from safety.prompt_check import PromptCheck

PromptCheckName = Literal["blocklist"]


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
        case _:
            assert_never(name)


def open_prompt_checks() -> tuple[PromptCheck, ...]:
    """Open every check an installation runs."""
    return (open_prompt_check("blocklist"),)
