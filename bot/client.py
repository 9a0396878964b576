"""The bot itself: loads commands by folder, knows its buttons, registers commands that changed."""

import hashlib
import json
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, assert_never

import discord
import structlog
from discord import app_commands
from discord.ext import commands

import bot.commands
from backend.domain.deliveries import DiscordMessage
from backend.domain.errors import Unavailable
from backend.domain.jobs import Job
from backend.domain.requests import JobId
from backend.service.services import Services
from bot.delivery import Deliveries, Desk
from bot.delivery.deliveries import EDIT_INTERVAL_S
from bot.identity import Identity
from bot.views.answers import refuse
from bot.views.appeal_buttons import AppealButton, ReportButton
from bot.views.picture_buttons import RegionButton, ReworkButton, ZoomButton
from bot.views.recipe_buttons import ExactButton, RecipeButton
from bot.views.request_buttons import SeenButton
from bot.views.result_buttons import (
    CancelButton,
    PickButton,
    RerollButton,
    VaryButton,
    buttons_for,
)
from bot.views.review_buttons import (
    DismissButton,
    KeepButton,
    LookButton,
    MeasureSelect,
    ReleaseButton,
    RemoveButton,
)

_BUTTONS = (
    PickButton,
    VaryButton,
    RerollButton,
    RecipeButton,
    ExactButton,
    CancelButton,
    ReworkButton,
    RegionButton,
    ZoomButton,
    ReleaseButton,
    KeepButton,
    DismissButton,
    LookButton,
    RemoveButton,
    MeasureSelect,
    AppealButton,
    ReportButton,
    SeenButton,
)
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True)
class ClientOptions:
    """What an operator chose for the client. `sync` says when commands are registered.

    `state_dir` keeps the mark of what was registered last; `auto` registers only what changed.
    """

    state_dir: Path
    moderator_role_ids: tuple[int, ...] = ()
    guild_id: int | None = None
    shard_count: int | None = None
    shard_ids: tuple[int, ...] = ()
    sync: Literal["auto", "always", "never"] = "auto"


class CommandTree(app_commands.CommandTree["ImpastoBot"]):
    """The slash commands; what fails outside a command's own body is still answered."""

    async def on_error(
        self, interaction: discord.Interaction["ImpastoBot"], error: app_commands.AppCommandError, /
    ) -> None:
        _log.error("command.failed", interaction_id=interaction.id, exc_info=error)
        if interaction.type is not discord.InteractionType.autocomplete:
            await refuse(interaction, Unavailable())


class ImpastoBot(commands.AutoShardedBot):
    """The Discord end of Impasto. The entry point runs `deliveries.run()` beside it."""

    def __init__(
        self,
        *,
        services: Services,
        options: ClientOptions,
        edit_interval_s: float = EDIT_INTERVAL_S,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        super().__init__(
            command_prefix=commands.when_mentioned,
            help_command=None,
            tree_cls=CommandTree,
            intents=discord.Intents(guilds=True),
            allowed_mentions=discord.AllowedMentions.none(),
            shard_count=options.shard_count,
            shard_ids=list(options.shard_ids) or None,  # type: ignore[arg-type]  # None means all
        )
        self.services = services
        self.identity = Identity(
            moderator_role_ids=options.moderator_role_ids, guild_id=options.guild_id
        )
        self.deliveries = Deliveries(
            client=self,
            services=services,
            group=_group_of(options.shard_ids),
            owns=self._owns,
            edit_interval_s=edit_interval_s,
        )
        self.desk = Desk(client=self, services=services, owns_guild=self._owns_guild, clock=clock)
        self._options = options

    async def setup_hook(self) -> None:
        """Load commands and buttons; runs after login and before the gateway."""
        for module in pkgutil.iter_modules(bot.commands.__path__, f"{bot.commands.__name__}."):
            await self.load_extension(module.name)
        self.add_dynamic_items(*_BUTTONS)
        await self._register_commands()

    async def on_ready(self) -> None:
        """Note that the gateway has told of all guilds."""
        _log.info("bot.ready", guilds=len(self.guilds), application_id=self.application_id)

    def follow(self, job_id: JobId, *, shown: str = "") -> None:
        """Look after the message of a job from now on."""
        self.deliveries.follow(job_id, shown=shown)

    def buttons_for(self, job: Job) -> discord.ui.View | None:
        """Return the buttons that belong under a job as it is now."""
        return buttons_for(job)

    async def forget(self, job_id: JobId) -> None:
        """Stop looking after the message of a job that will not move any more."""
        await self.deliveries.forget(job_id)

    def refresh_cards(self) -> None:
        """Look at once what moderators are to be shown, and who is to be told."""
        self.desk.kick()

    def _owns_guild(self, guild_id: int | None) -> bool:
        """Say whether our shards serve a guild; direct messages are shard 0's."""
        shard_ids, shard_count = self._options.shard_ids, self.shard_count
        if not shard_ids or not shard_count:
            return True
        return ((guild_id or 0) >> 22) % shard_count in shard_ids

    def _owns(self, message: DiscordMessage) -> bool:
        return self._owns_guild(message.guild_id)

    async def _register_commands(self) -> None:
        """Send the commands, unless Discord has these already: creates are limited per day."""
        guild_id = self._options.guild_id
        guild = discord.Object(guild_id) if guild_id is not None else None
        if guild is not None:
            self.tree.copy_global_to(guild=guild)
        digest = self._commands_digest(guild)
        mark = self._sync_mark()
        if not self._must_sync(mark, digest):
            return
        await self.tree.sync(guild=guild)
        mark.parent.mkdir(parents=True, exist_ok=True)
        mark.write_text(digest, encoding="utf-8")
        _log.info("commands.registered", guild_id=guild_id)

    def _commands_digest(self, guild: discord.Object | None) -> str:
        payload = [command.to_dict(self.tree) for command in self.tree.get_commands(guild=guild)]
        return hashlib.sha256(json.dumps(payload, sort_keys=True).encode()).hexdigest()

    def _sync_mark(self) -> Path:
        scope = self._options.guild_id or "global"
        return self._options.state_dir / f"discord-commands-{self.application_id}-{scope}.sha256"

    def _must_sync(self, mark: Path, digest: str) -> bool:
        match self._options.sync:
            case "always":
                return True
            case "never":
                return False
            case "auto":
                return not mark.is_file() or mark.read_text(encoding="utf-8") != digest
            case _:
                assert_never(self._options.sync)


def _group_of(shard_ids: tuple[int, ...]) -> str:
    """Return the consumer group: processes with different shards must each hear every event."""
    return "-".join(["bot", *(str(shard_id) for shard_id in shard_ids)])
