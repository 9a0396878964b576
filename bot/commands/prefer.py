"""`/prefer`: options and a suffix that an account saves for all its prompts."""

import discord
from discord import app_commands
from discord.ext import commands

from bot.presenters.preferences import preferences_text
from bot.views.answers import acknowledge, answering
from bot.views.workshop import workshop_of


class Prefer(commands.GroupCog, group_name="prefer", group_description="What you always want."):
    """What members save for their prompts."""

    option = app_commands.Group(name="option", description="Names for parameters you use often.")

    @option.command(name="set", description="Have --name stand for some parameters.")
    @app_commands.describe(
        name="How you will write it, for example wide",
        value="What it stands for, for example --ar 16:9 --q 2; nothing takes it away",
    )
    async def set_option(
        self, interaction: discord.Interaction, name: str, value: str | None = None
    ) -> None:
        """Save an option of the asker's, or take it away."""
        async with answering(interaction):
            await acknowledge(interaction, thinking=True, ephemeral=True)
            workshop = workshop_of(interaction.client)
            requester = workshop.identity.requester(interaction)
            saved = await workshop.services.preferences.set_option(requester, name, value or "")
            await interaction.edit_original_response(content=preferences_text(saved))

    @option.command(name="list", description="Show what you have saved.")
    async def list_options(self, interaction: discord.Interaction) -> None:
        """Show the asker's options and suffix."""
        async with answering(interaction):
            await acknowledge(interaction, thinking=True, ephemeral=True)
            workshop = workshop_of(interaction.client)
            requester = workshop.identity.requester(interaction)
            saved = await workshop.services.preferences.of(requester)
            await interaction.edit_original_response(content=preferences_text(saved))

    @app_commands.command(
        name="suffix", description="Have some parameters follow all your prompts."
    )
    @app_commands.describe(value="For example --relax --no text; nothing takes it away")
    async def suffix(self, interaction: discord.Interaction, value: str | None = None) -> None:
        """Save the asker's suffix, or take it away."""
        async with answering(interaction):
            await acknowledge(interaction, thinking=True, ephemeral=True)
            workshop = workshop_of(interaction.client)
            requester = workshop.identity.requester(interaction)
            saved = await workshop.services.preferences.set_suffix(requester, value or "")
            await interaction.edit_original_response(content=preferences_text(saved))

    @app_commands.command(
        name="metadata", description="Have your pictures' files tell prompt and settings, or not."
    )
    @app_commands.describe(on="On: whoever gets a file can read your prompt in it")
    async def metadata(self, interaction: discord.Interaction, *, on: bool) -> None:
        """Save whether the asker's files tell how they were made."""
        async with answering(interaction):
            await acknowledge(interaction, thinking=True, ephemeral=True)
            workshop = workshop_of(interaction.client)
            requester = workshop.identity.requester(interaction)
            preferences = workshop.services.preferences
            saved = await preferences.set_writes_parameters(requester, is_on=on)
            await interaction.edit_original_response(content=preferences_text(saved))


async def setup(bot: commands.Bot) -> None:
    """Add the group to the bot."""
    await bot.add_cog(Prefer())
