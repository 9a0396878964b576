"""What a member has saved for all prompts, in a few lines."""

from backend.domain.preferences import Preferences
from bot.presenters.prompts import shorten

VALUE_SHOWN_CHARACTERS = 70


def preferences_text(preferences: Preferences) -> str:
    """Return saved options and suffix."""
    lines = [
        f"`--{name}` stands for `{_code(value)}`" for name, value in preferences.options.items()
    ]
    if not lines:
        lines.append("No options are saved. Save one with `/prefer option set`.")
    if preferences.suffix:
        lines.append(f"All your prompts end with `{_code(preferences.suffix)}`")
    if preferences.writes_parameters:
        lines.append("The files of your pictures tell prompt and settings.")
    return "\n".join(lines)


def _code(value: str) -> str:
    return shorten(value.replace("`", "'"), VALUE_SHOWN_CHARACTERS)
