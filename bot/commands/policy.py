"""`/policy`: what a server's own safety policy is; for members who may manage the server."""

import io

import discord
from discord import app_commands
from discord.ext import commands

from backend.domain.errors import BadInput
from backend.domain.policies import DOCUMENT_MAX_CHARACTERS, GuildManager
from backend.domain.requests import AccountId
from backend.service.guild_policies import PolicyDesk
from backend.service.policies import circumstances_in
from backend.service.policy_telling import policy_text
from bot.identity import user_id_of
from bot.presenters.policies import history_text, set_text, there_text, unset_text
from bot.views.answers import acknowledge, answering
from bot.views.workshop import workshop_of

_IN_FORCE, _OWN = "in-force.toml", "policy.toml"
_BYTES_MAX = 4 * DOCUMENT_MAX_CHARACTERS


@app_commands.guild_only()
@app_commands.default_permissions(manage_guild=True)
class PolicyCommands(commands.GroupCog, group_name="policy", group_description="Safety policy."):
    """What members with *Manage Server* do about what may be drawn in their server."""

    @app_commands.command(name="show", description="Show which safety policy holds here.")
    @app_commands.describe(
        restricted="As it holds in channels for adults", role="As it holds for who has this role"
    )
    async def show(
        self,
        interaction: discord.Interaction,
        restricted: bool = False,  # noqa: FBT001, FBT002 - an option of a slash command
        role: discord.Role | None = None,
    ) -> None:
        """Show what holds, and the server's own document if it has one."""
        async with answering(interaction):
            await acknowledge(interaction, thinking=True, ephemeral=True)
            desk, manager = _asked(interaction)
            roles = () if role is None else (str(role.id),)
            there = circumstances_in(is_age_restricted=restricted, roles=roles)
            found = await desk.show(manager, there)
            files = [_file(_IN_FORCE, policy_text(found.policy))]
            if found.own is not None:
                files.append(_file(_OWN, found.own.document or ""))
            await interaction.edit_original_response(
                content=there_text(found, who=_who), attachments=files
            )

    @app_commands.command(name="set", description="Make a document this server's safety policy.")
    @app_commands.describe(document="A policy document (TOML)")
    async def set(self, interaction: discord.Interaction, document: discord.Attachment) -> None:
        """Set the server's policy, from the next prompt on."""
        async with answering(interaction):
            await acknowledge(interaction, thinking=True, ephemeral=True)
            desk, manager = _asked(interaction)
            revision = await desk.set(manager, await _read(document))
            await interaction.edit_original_response(content=set_text(revision))

    @app_commands.command(name="unset", description="Let the workshop's own policy hold here.")
    async def unset(self, interaction: discord.Interaction) -> None:
        """Take the server's policy away."""
        async with answering(interaction):
            await acknowledge(interaction, thinking=True, ephemeral=True)
            desk, manager = _asked(interaction)
            revision = await desk.unset(manager)
            await interaction.edit_original_response(content=unset_text(revision))

    @app_commands.command(name="history", description="All that this server's policy was.")
    @app_commands.describe(version="Show the document of this version")
    async def history(
        self,
        interaction: discord.Interaction,
        version: app_commands.Range[int, 1] | None = None,
    ) -> None:
        """List the versions, or show the document of one."""
        async with answering(interaction):
            await acknowledge(interaction, thinking=True, ephemeral=True)
            desk, manager = _asked(interaction)
            found = list(await desk.history(manager))
            if version is not None:
                found = [one for one in found if one.version == version]
                if not found:
                    raise BadInput(
                        f"There is no version {version}.", way_out="`/policy history` lists them."
                    )
            documents = [one.document for one in found if version is not None and one.document]
            await interaction.edit_original_response(
                content=history_text(found, who=_who),
                attachments=[_file(_OWN, one) for one in documents],
            )


def _asked(interaction: discord.Interaction) -> tuple[PolicyDesk, GuildManager]:
    """Return whom a member asks, and as who manages which server.

    Raises:
        GuildManagersOnly: they do not manage it.

    """
    workshop = workshop_of(interaction.client)
    return workshop.services.policies, workshop.identity.guild_manager(interaction)


async def _read(attachment: discord.Attachment) -> str:
    """Return the text of an attached document.

    Raises:
        BadInput: it is too large, no text, or Discord does not have it any more.

    """
    way_out = "Attach a policy document, a TOML file."
    if attachment.size > _BYTES_MAX:
        raise BadInput(
            f"A policy document has at most {DOCUMENT_MAX_CHARACTERS} characters.", way_out=way_out
        )
    try:
        return (await attachment.read()).decode("utf-8-sig")
    except (discord.HTTPException, UnicodeDecodeError) as error:
        raise BadInput("This file cannot be read as text.", way_out=way_out) from error


def _who(author: str) -> str:
    user_id = user_id_of(AccountId(author))
    return f"<@{user_id}>" if user_id else discord.utils.escape_markdown(author)


def _file(name: str, text: str) -> discord.File:
    return discord.File(io.BytesIO(text.encode()), filename=name)


async def setup(bot: commands.Bot) -> None:
    """Add the group to the bot."""
    await bot.add_cog(PolicyCommands())
