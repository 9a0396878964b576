"""Who speaks: a Discord user becomes a `Requester`, judged afresh at every interaction."""

from collections.abc import Iterable

import discord

from backend.domain.errors import GuildManagersOnly
from backend.domain.policies import GuildManager
from backend.domain.requests import AccountId, Place, Requester, Surface

_ACCOUNT_PREFIX = "discord:"
_MAY_BE_RESTRICTED = (
    discord.TextChannel,
    discord.VoiceChannel,
    discord.StageChannel,
    discord.Thread,
)


class Identity:
    """Turns whoever pressed or typed into a requester.

    Moderators are the members with one of `moderator_role_ids`. Where no role is named they are
    those who may manage messages in the whole guild `guild_id`, and not only in one of its
    channels; where no guild is named either, in the only guild the bot is in. In several it would
    be nobody's to say: anyone could invite the bot to a guild of their own and moderate everybody's
    jobs from there.
    """

    def __init__(
        self, *, moderator_role_ids: Iterable[int] = (), guild_id: int | None = None
    ) -> None:
        self._moderator_role_ids = frozenset(moderator_role_ids)
        self._guild_id = guild_id

    def requester(self, interaction: discord.Interaction) -> Requester:
        """Return who is behind an interaction, with the rights they have at this moment."""
        user = interaction.user
        return Requester(
            account_id=account_of(user.id),
            surface=Surface.DISCORD,
            display_name=user.display_name,
            is_moderator=self._is_moderator(interaction),
            place=place_of(interaction),
        )

    def guild_manager(self, interaction: discord.Interaction) -> GuildManager:
        """Return a member as who manages the server that they speak in, at this moment.

        Raises:
            GuildManagersOnly: they may not, or it is no server.

        """
        if interaction.guild_id is None or not interaction.permissions.manage_guild:
            raise GuildManagersOnly
        return GuildManager(
            account_id=account_of(interaction.user.id), guild_id=str(interaction.guild_id)
        )

    def _is_moderator(self, interaction: discord.Interaction) -> bool:
        user = interaction.user
        if interaction.guild_id is None or not isinstance(user, discord.Member):
            return False
        if self._moderator_role_ids:
            return any(role_id in self._moderator_role_ids for role_id in _role_ids(user))
        # Those of one channel are given out lightly; those of the guild may be a moment old.
        may = interaction.permissions.manage_messages and user.guild_permissions.manage_messages
        return may and self._is_home(interaction)

    def _is_home(self, interaction: discord.Interaction) -> bool:
        if self._guild_id is not None:
            return interaction.guild_id == self._guild_id
        # A process with some of the shards sees only some of the guilds.
        client = interaction.client
        return client.shard_count in (None, 1) and len(client.guilds) == 1


def account_of(user_id: int) -> AccountId:
    """Return the account of a Discord user."""
    return AccountId(f"{_ACCOUNT_PREFIX}{user_id}")


def user_id_of(account_id: AccountId) -> int | None:
    """Return the Discord user behind an account, or None for accounts of other surfaces."""
    prefix, found, number = account_id.partition(":")
    if found and f"{prefix}:" == _ACCOUNT_PREFIX and number.isdigit():
        return int(number)
    return None


def place_of(interaction: discord.Interaction) -> Place | None:
    """Return the channel that somebody speaks in and their roles there, None for private messages.

    What is not known to be age-restricted is not: a thread whose parent the bot cannot see.
    """
    if interaction.guild_id is None or interaction.channel_id is None:
        return None
    channel = interaction.channel
    return Place(
        guild_id=str(interaction.guild_id),
        channel_id=str(interaction.channel_id),
        is_age_restricted=isinstance(channel, _MAY_BE_RESTRICTED) and channel.is_nsfw(),
        roles=_roles_of(interaction),
    )


def _roles_of(interaction: discord.Interaction) -> tuple[str, ...]:
    """Return the member's roles, less the one that everybody has."""
    user = interaction.user
    if not isinstance(user, discord.Member):
        return ()
    everybody = interaction.guild_id
    return tuple(str(role_id) for role_id in sorted(_role_ids(user)) if role_id != everybody)


def _role_ids(member: discord.Member) -> list[int]:
    return [role.id for role in member.roles]
