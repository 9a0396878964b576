"""The seam of the checks over words."""

from typing import Literal, Protocol, runtime_checkable

from safety.verdict import Finding


class PromptCheck(Protocol):
    """Judges the words of a prompt."""

    @property
    def name(self) -> str:
        """A short stable name, used in findings."""

    def check(self, text: str) -> list[Finding]:
        """Return what stands against a text; an empty list when nothing does.

        Whatever this raises blocks the prompt.
        """


@runtime_checkable
class HeavyPromptCheck(PromptCheck, Protocol):
    """A check that takes its time: asked only where the others are undecided."""

    is_heavy: Literal[True]
