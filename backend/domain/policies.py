"""The documents that guilds had for policies, every one of them kept."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, kw_only=True)
class PolicyRevision:
    """What somebody made a guild's policy; versions count from 1, None took the policy away."""

    guild_id: str
    version: int
    document: str | None
    author: str
    at: datetime
