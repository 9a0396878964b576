"""A member's words made safe to show: no formatting, mentions or unfolding links, not too long."""

import re

import discord

PROMPT_SHOWN_CHARACTERS = 300
_LINK = re.compile(r"<?(https?://[^\s<>]+)>?", re.IGNORECASE)
_SPACES = re.compile(r"\s+")


def shorten(text: str, limit: int) -> str:
    """Return the text on one line, with an ellipsis in place of what exceeds `limit`."""
    line = _SPACES.sub(" ", text).strip()
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"


def plain(text: str, limit: int = PROMPT_SHOWN_CHARACTERS) -> str:
    """Return a member's text as Discord shows it literally; links are kept from unfolding."""
    line = shorten(text, limit)
    # Escaping would break the address, so links are set apart first.
    pieces = _LINK.split(line)
    return "".join(
        f"<{piece}>" if place % 2 else _escaped(piece) for place, piece in enumerate(pieces)
    )


def _escaped(text: str) -> str:
    # Discord's library escapes only whole masked links, and addresses have been set apart.
    pieces = [discord.utils.escape_markdown(piece, ignore_links=False) for piece in text.split("[")]
    return discord.utils.escape_mentions(r"\[".join(pieces))
