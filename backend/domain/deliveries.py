"""The Discord message in which a job is shown, so that any bot process can go on with it."""

from dataclasses import dataclass
from datetime import datetime

from backend.domain.requests import JobId


@dataclass(frozen=True, kw_only=True)
class DiscordMessage:
    """Where a job is shown. Snowflakes are plain integers; `token` is good for 15 minutes.

    `shown_version` is the job version the message last showed; `is_final`: its end was shown.
    """

    job_id: JobId
    application_id: int
    channel_id: int
    message_id: int
    guild_id: int | None
    asker_id: int
    token: str
    token_created_at: datetime
    is_ephemeral: bool = False
    shown_version: int = -1
    is_final: bool = False
