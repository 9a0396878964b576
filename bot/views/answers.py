"""How an interaction is answered: acknowledged at once, refusals said in a private sentence."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import discord
import structlog

from backend.domain.errors import ImpastoError, Unavailable
from bot.presenters.errors import sentence_for

# Acknowledged by another process of this bot, or too late for anybody.
_ALREADY_TAKEN = frozenset({10062, 40060})
_log = structlog.get_logger(__name__)


class AnsweredElsewhere(Exception):
    """Somebody else answers this interaction, or nobody can any more."""


@asynccontextmanager
async def answering(interaction: discord.Interaction) -> AsyncIterator[None]:
    """Run the body of a command or button; what goes wrong in it is said to the asker."""
    try:
        yield
    except AnsweredElsewhere:
        _log.info("interaction.answered_elsewhere", interaction_id=interaction.id)
    except ImpastoError as error:
        await refuse(interaction, error)
    except Exception:  # noqa: BLE001 - the edge of an interaction: the asker must hear something
        _log.exception("interaction.failed", interaction_id=interaction.id)
        await refuse(interaction, Unavailable())


async def acknowledge(
    interaction: discord.Interaction, *, thinking: bool = False, ephemeral: bool = False
) -> None:
    """Acknowledge within Discord's three seconds; the answer follows.

    Raises:
        AnsweredElsewhere: somebody was faster, or the three seconds have passed.

    """
    try:
        await interaction.response.defer(thinking=thinking, ephemeral=ephemeral)
    except discord.InteractionResponded as error:
        raise AnsweredElsewhere from error
    except discord.HTTPException as error:
        if error.code in _ALREADY_TAKEN:
            raise AnsweredElsewhere from error
        raise


async def refuse(interaction: discord.Interaction, error: ImpastoError) -> None:
    """Say in one sentence what is wrong and what to do, to the asker alone."""
    await say(interaction, sentence_for(error))


async def say(interaction: discord.Interaction, text: str) -> None:
    """Say something to the asker alone; a public "thinking…" that was waiting is taken away."""
    try:
        if not interaction.response.is_done():
            await interaction.response.send_message(text, ephemeral=True)
            return
        kind = interaction.response.type
        is_waiting = kind is discord.InteractionResponseType.deferred_channel_message
        if is_waiting:
            # The first message after "thinking…" is as public as that was; only later ones choose.
            await interaction.edit_original_response(content=text)
        await interaction.followup.send(text, ephemeral=True)
        if is_waiting:
            await interaction.delete_original_response()
    except discord.HTTPException:
        _log.warning("interaction.answer_lost", interaction_id=interaction.id, exc_info=True)


def only(user_id: int | None) -> discord.AllowedMentions:
    """Return the mentions that wake nobody but one member."""
    users = [discord.Object(user_id)] if user_id is not None else False
    return discord.AllowedMentions(everyone=False, roles=False, replied_user=False, users=users)
