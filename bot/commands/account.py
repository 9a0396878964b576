"""`/info`: where a member stands."""

import discord
from discord import app_commands
from discord.ext import commands

from bot.presenters.standing import standing_text, strikes_text
from bot.views.answers import acknowledge, answering
from bot.views.workshop import workshop_of


class Account(commands.Cog):
    """What members can learn about themselves."""

    @app_commands.command(
        name="info", description="Your jobs at a glance; only you see the answer."
    )
    async def info(self, interaction: discord.Interaction) -> None:
        """Tell a member how their newest jobs stand."""
        async with answering(interaction):
            await acknowledge(interaction, thinking=True, ephemeral=True)
            workshop = workshop_of(interaction.client)
            requester = workshop.identity.requester(interaction)
            standing = await workshop.services.accounts.info(requester)
            recent = await workshop.services.generations.recent(requester)
            await interaction.edit_original_response(content=standing_text(standing, recent))

    @app_commands.command(
        name="standing", description="Your strikes and what they came to; only you see the answer."
    )
    async def standing(self, interaction: discord.Interaction) -> None:
        """Tell a member what was decided of their account."""
        async with answering(interaction):
            await acknowledge(interaction, thinking=True, ephemeral=True)
            workshop = workshop_of(interaction.client)
            account_id = workshop.identity.requester(interaction).account_id
            standing = await workshop.services.moderation.standings.standing_of(account_id)
            await interaction.edit_original_response(
                content=strikes_text(standing, now=discord.utils.utcnow())
            )


async def setup(bot: commands.Bot) -> None:
    """Add the command to the bot."""
    await bot.add_cog(Account())
