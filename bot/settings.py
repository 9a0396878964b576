"""The bot's settings: read once by `__main__` from the environment, handed down as values."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import SecretStr, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from bot.client import ClientOptions

Snowflakes = Annotated[tuple[int, ...], NoDecode]


class BotSettings(BaseSettings):
    """What an operator can set about the bot.

    `discord_api_base` and `discord_gateway` point it at another server than Discord's;
    `discord_sync` says when slash commands are registered: `auto` means when they changed.
    """

    # Compose files leave variables empty that are not set.
    model_config = SettingsConfigDict(
        env_prefix="IMPASTO_", env_ignore_empty=True, frozen=True, extra="ignore"
    )

    home: Path = Path.home() / ".impasto"
    discord_token: SecretStr | None = None
    discord_api_base: str | None = None
    discord_gateway: str | None = None
    discord_guild_id: int | None = None
    discord_shard_count: int | None = None
    discord_shard_ids: Snowflakes = ()
    discord_sync: Literal["auto", "always", "never"] = "auto"
    moderator_role_ids: Snowflakes = ()

    @field_validator("discord_shard_ids", "moderator_role_ids", mode="before")
    @classmethod
    def _split_commas(cls, value: object) -> object:
        """Read `1,2, 3` as three numbers."""
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @field_validator("discord_api_base", "discord_gateway", mode="after")
    @classmethod
    def _without_slash_at_its_end(cls, value: str | None) -> str | None:
        return value.rstrip("/") or None if value is not None else None

    def client_options(self) -> ClientOptions:
        """Return what the client needs of these settings."""
        is_discord = self.discord_api_base is None
        return ClientOptions(
            state_dir=self.home,
            moderator_role_ids=self.moderator_role_ids,
            guild_id=self.discord_guild_id,
            shard_count=self.discord_shard_count,
            shard_ids=self.discord_shard_ids,
            # Another server may have been born a minute ago, and knows no daily limit.
            sync="always" if self.discord_sync == "auto" and not is_discord else self.discord_sync,
        )
