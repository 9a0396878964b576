"""`/mod queue`: held jobs before moderators; Discord hides it from others and we refuse them."""

import discord
from discord import app_commands
from discord.ext import commands

from bot.presenters.reviews import NOTHING_HELD
from bot.views.answers import acknowledge, answering
from bot.views.review_buttons import card_embed, review_buttons
from bot.views.workshop import workshop_of


@app_commands.guild_only()
@app_commands.default_permissions(manage_messages=True)
class Review(commands.GroupCog, group_name="mod", group_description="For moderators."):
    """What moderators do."""

    @app_commands.command(name="queue", description="Show held jobs that wait for a decision.")
    async def queue(self, interaction: discord.Interaction) -> None:
        """Show the oldest held jobs as cards, to the moderator alone."""
        async with answering(interaction):
            await acknowledge(interaction, thinking=True, ephemeral=True)
            workshop = workshop_of(interaction.client)
            requester = workshop.identity.requester(interaction)
            cards = await workshop.services.reviews.open_cards(requester)
            if not cards:
                await interaction.edit_original_response(content=NOTHING_HELD)
            for card in cards:
                await interaction.followup.send(
                    embed=card_embed(card), view=review_buttons(card), ephemeral=True
                )


async def setup(bot: commands.Bot) -> None:
    """Add the group to the bot."""
    await bot.add_cog(Review())
