"""What an account wants of every prompt: saved options, `--name` for many words, and a suffix."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

OPTIONS_MAX: Final = 20
VALUE_MAX_CHARACTERS: Final = 500


@dataclass(frozen=True, kw_only=True)
class Preferences:
    """Parameters by the names an account gave them, and those that follow all its prompts.

    Only where it `writes_parameters` do its pictures' files tell prompts; by themselves they never
    do, for files go further than messages.
    """

    options: Mapping[str, str] = field(default_factory=dict)
    suffix: str = ""
    writes_parameters: bool = False

    def with_option(self, name: str, value: str) -> "Preferences":
        """Return them with an option set, or without it where the value is empty."""
        options = {known: kept for known, kept in self.options.items() if known != name}
        if value:
            options[name] = value
        return replace(self, options=options)
