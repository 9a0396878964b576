"""The card of a request for removal that nothing here matches."""

import discord

from backend.domain.removals import RemovalRequest
from bot.presenters.prompts import plain

_SEEN = "Seen by"


def request_embed(request: RemovalRequest) -> discord.Embed:
    """Return the card; it shows no picture, as of one that came only hashes are kept."""
    embed = discord.Embed(
        title="Somebody asks for a removal",
        description="Nothing here matches what they sent or named. Look whether it is here after "
        "all, and answer them if they said how.",
    )
    embed.add_field(name="They say", value=plain(request.words, 900) or "nothing", inline=False)
    if request.contact:
        embed.add_field(name="Answer to", value=plain(request.contact, 200), inline=False)
    sent = "a picture, of which only hashes are kept" if request.sha256 else "a link"
    embed.add_field(name="They sent", value=sent)
    embed.add_field(name="Answer by", value=discord.utils.format_dt(request.due_at, "R"))
    embed.set_footer(text=request.id)
    return embed


def seen_embed(embed: discord.Embed, *, by: int) -> discord.Embed:
    """Return the card of a request that a moderator has looked at."""
    seen = embed.copy()
    seen.title = "Somebody asked for a removal: seen"
    seen.add_field(name=_SEEN, value=f"<@{by}>")
    return seen
