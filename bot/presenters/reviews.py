"""Held jobs as cards for moderators."""

import discord

from backend.domain.requests import AccountId
from backend.domain.reviews import Decision
from backend.service.reviews import ReviewCard
from bot.presenters.prompts import plain

NOTHING_HELD = "Nothing is waiting for a decision."
_PROMPT_CHARACTERS = 1000
_COLOURS = {
    Decision.OPEN: discord.Colour(0xF0B232),
    Decision.RELEASED: discord.Colour(0x23A55A),
    Decision.KEPT: discord.Colour(0xDA373C),
}
_TITLES = {
    Decision.OPEN: "Held job",
    Decision.RELEASED: "Released: back in line",
    Decision.KEPT: "Kept blocked",
}


def review_embed(card: ReviewCard, *, asker: str) -> discord.Embed:
    """Return the card of one held job; `asker` is who asked, as a mention or a name."""
    block = card.review.block
    embed = discord.Embed(
        title=_TITLES[card.review.decision],
        description=plain(card.job.request.prompt, _PROMPT_CHARACTERS) or "(no words)",
        colour=_COLOURS[card.review.decision],
        timestamp=card.review.opened_at,
    )
    embed.add_field(name="Asked by", value=asker)
    embed.add_field(name="Stage", value=block.stage)
    embed.add_field(name="Category", value=block.category or "none")
    embed.add_field(name="Rule", value=f"`{block.rule or 'none'}`")
    embed.add_field(name="Score", value="none" if block.score is None else f"{block.score:.2f}")
    if not card.review.is_releasable and card.review.decision is Decision.OPEN:
        embed.add_field(name="Release", value="Not possible for this category.")
    embed.set_footer(text=str(card.job.id))
    return embed


def asker_name(account_id: AccountId, user_id: int | None) -> str:
    """Return how a card names the asker."""
    return f"<@{user_id}>" if user_id is not None else f"`{account_id}`"
