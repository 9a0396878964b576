"""*Report this picture*, in the menu of a message that shows pictures."""

import re

import discord
from discord import app_commands
from discord.ext import commands

from backend.domain.errors import JobNotFound
from backend.domain.requests import JobId
from bot.views.answers import answering
from bot.views.appeal_buttons import ask_for_report

# Whole lines as we write them: a member's words, which stand in the same message, may say the same.
_JOB = re.compile(r"^(?:[a-z]+ · [^\n]* · )?`(gen_[A-Za-z0-9_-]{1,60})`$", re.MULTILINE)
_PICTURE = re.compile(r"^\*\*[^\n]*\*\* · picture (\d{1,2}) · <@\d+>$", re.MULTILINE)


@app_commands.context_menu(name="Report this picture")
@app_commands.guild_only()
async def report_picture(interaction: discord.Interaction, message: discord.Message) -> None:
    """Ask what is wrong with the picture of a message of ours."""
    async with answering(interaction):
        job_id, index = _pictures_of(interaction, message)
        await ask_for_report(interaction, job_id, index=index)


def _pictures_of(
    interaction: discord.Interaction, message: discord.Message
) -> tuple[JobId, int | None]:
    """Read which job's pictures a message of ours shows, and which of them if it is one alone.

    Raises:
        JobNotFound: it is not ours, or shows none.

    """
    job = _JOB.search(message.content)
    me = interaction.client.user
    if me is None or message.author.id != me.id or job is None:
        raise JobNotFound
    picture = _PICTURE.search(message.content)
    return JobId(job[1]), int(picture[1]) - 1 if picture else None


async def setup(bot: commands.Bot) -> None:
    """Add the menu entry to the bot."""
    bot.tree.add_command(report_picture)
