"""`/verify` and *Where is this from?*: a picture's origin, told to whoever asks alone."""

import discord
from discord import app_commands
from discord.ext import commands

from backend.domain.errors import PictureInvalid, PictureTooLarge
from backend.service.provenance import CHECK_BYTES_MAX
from backend.service.provenance_telling import sentences
from bot.views.answers import acknowledge, answering
from bot.views.workshop import workshop_of

PICTURES_MAX = 4
NOTHING_THERE = "There is no picture in this message."


class Verify(commands.Cog):
    """Where pictures are from."""

    def __init__(self, bot: commands.Bot) -> None:
        self._bot = bot
        self._menu = app_commands.ContextMenu(name="Where is this from?", callback=_of_message)

    async def cog_load(self) -> None:
        """Add the entry to the menu of messages."""
        self._bot.tree.add_command(self._menu)

    async def cog_unload(self) -> None:
        """Take it away again."""
        self._bot.tree.remove_command(self._menu.name, type=self._menu.type)

    @app_commands.command(name="verify", description="Tell where a picture is from.")
    @app_commands.describe(picture="A PNG, JPEG, WebP, AVIF or GIF")
    async def verify(self, interaction: discord.Interaction, picture: discord.Attachment) -> None:
        """Examine an attached picture."""
        async with answering(interaction):
            await acknowledge(interaction, thinking=True, ephemeral=True)
            await interaction.edit_original_response(content=await _told(interaction, picture))


async def _of_message(interaction: discord.Interaction, message: discord.Message) -> None:
    """Examine the pictures of a message."""
    async with answering(interaction):
        await acknowledge(interaction, thinking=True, ephemeral=True)
        pictures = [one for one in message.attachments if _is_picture(one)][:PICTURES_MAX]
        told = [await _told(interaction, one) for one in pictures]
        await interaction.edit_original_response(content="\n\n".join(told) or NOTHING_THERE)


def _is_picture(attachment: discord.Attachment) -> bool:
    return (attachment.content_type or "").startswith("image/")


async def _told(interaction: discord.Interaction, attachment: discord.Attachment) -> str:
    """Return what there is to say of an attachment.

    Raises:
        PictureInvalid: Discord does not have it any more, or it is no picture.
        PictureTooLarge: it is not fetched.
        TooManyChecks: the asker has asked too often.

    """
    workshop = workshop_of(interaction.client)
    provenance = workshop.services.provenance
    provenance.must_be_welcome(workshop.identity.requester(interaction).account_id)
    if attachment.size > CHECK_BYTES_MAX:
        raise PictureTooLarge(limit=f"at most {CHECK_BYTES_MAX // 2**20} MiB are read")
    try:
        data = await attachment.read()
    except discord.HTTPException as error:
        raise PictureInvalid from error
    answer, *rest = sentences(await provenance.check(data))
    return "\n".join([f"**{answer}**", *rest])


async def setup(bot: commands.Bot) -> None:
    """Add the command and the menu's entry to the bot."""
    await bot.add_cog(Verify(bot))
