"""`/mod`: what moderators do; Discord hides it from others and we refuse them."""

from typing import Literal

import discord
from discord import app_commands
from discord.ext import commands

from bot.identity import account_of
from bot.presenters.reviews import NOTHING_HELD, rules_text
from bot.presenters.standing import strikes_text
from bot.views.answers import acknowledge, answering
from bot.views.review_buttons import card_embed, review_buttons, veiled_files
from bot.views.workshop import workshop_of


@app_commands.guild_only()
@app_commands.default_permissions(manage_messages=True)
class Review(commands.GroupCog, group_name="mod", group_description="For moderators."):
    """What moderators do."""

    @app_commands.command(name="queue", description="Show what waits for a decision.")
    async def queue(self, interaction: discord.Interaction) -> None:
        """Show appeals and the oldest held jobs as cards, to the moderator alone."""
        async with answering(interaction):
            await acknowledge(interaction, thinking=True, ephemeral=True)
            workshop = workshop_of(interaction.client)
            requester = workshop.identity.requester(interaction)
            cards = await workshop.services.moderation.reviews.open_cards(requester)
            if not cards:
                await interaction.edit_original_response(content=NOTHING_HELD)
            for card in cards:
                veiled = await workshop.services.moderation.looking.on_card(card.review)
                await interaction.followup.send(
                    embed=card_embed(card, veiled),
                    files=veiled_files(veiled),
                    view=review_buttons(card) or discord.utils.MISSING,
                    ephemeral=True,
                )

    @app_commands.command(name="channel", description="Show cards in this channel, or nowhere.")
    async def channel(
        self, interaction: discord.Interaction, cards: Literal["here", "nowhere"] = "here"
    ) -> None:
        """Choose where this server's moderators see cards."""
        async with answering(interaction):
            await acknowledge(interaction, thinking=True, ephemeral=True)
            workshop = workshop_of(interaction.client)
            requester = workshop.identity.requester(interaction)
            channel_id = interaction.channel_id if cards == "here" else None
            moderation = workshop.services.moderation
            await moderation.reviews.show_in(requester, interaction.guild_id or 0, channel_id)
            workshop.refresh_cards()
            said = "Cards appear in this channel." if channel_id else "Cards appear nowhere now."
            await interaction.edit_original_response(content=f"{said} `/mod queue` shows them too.")

    @app_commands.command(name="rules", description="How often moderators agreed with each rule.")
    async def rules(self, interaction: discord.Interaction) -> None:
        """Tell the precision of the rules that hold prompts and pictures."""
        async with answering(interaction):
            await acknowledge(interaction, thinking=True, ephemeral=True)
            workshop = workshop_of(interaction.client)
            requester = workshop.identity.requester(interaction)
            rules = await workshop.services.moderation.reviews.rules(requester)
            await interaction.edit_original_response(content=rules_text(rules))

    @app_commands.command(name="lift", description="Lift a member's mute, ban and strikes.")
    async def lift(self, interaction: discord.Interaction, member: discord.User) -> None:
        """Let a member ask for pictures again."""
        async with answering(interaction):
            await acknowledge(interaction, thinking=True, ephemeral=True)
            workshop = workshop_of(interaction.client)
            requester = workshop.identity.requester(interaction)
            standings = workshop.services.moderation.standings
            standing = await standings.unban(account_of(member.id), by=requester)
            text = strikes_text(standing, now=discord.utils.utcnow())
            await interaction.edit_original_response(content=f"Lifted. {text}")


async def setup(bot: commands.Bot) -> None:
    """Add the group to the bot."""
    await bot.add_cog(Review())
