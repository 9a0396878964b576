"""The documents that guilds had for policies, every one of them kept, and who may set them."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from backend.domain.requests import AccountId

# With room for what JSON makes of it in a body of 64 KiB.
DOCUMENT_MAX_CHARACTERS: Final = 40_000


@dataclass(frozen=True, kw_only=True)
class PolicyRevision:
    """What somebody made a guild's policy; versions count from 1, None took the policy away."""

    guild_id: str
    version: int
    document: str | None
    author: str
    at: datetime


@dataclass(frozen=True, kw_only=True)
class GuildManager:
    """Somebody who may decide for a guild, as the surface found at this moment."""

    account_id: AccountId
    guild_id: str
