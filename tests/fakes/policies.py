"""Guilds' policies in memory."""

from datetime import datetime

from backend.domain.policies import PolicyRevision
from backend.service import on_record
from backend.service.policies import Policies
from safety.moderation.audit import AuditEntry
from safety.policy import DEFAULT_POLICY
from tests.builders import at


class MemoryGuildPolicies:
    """The `GuildPolicies` in memory."""

    def __init__(self) -> None:
        self.audit: list[AuditEntry] = []
        self._revisions: dict[str, list[PolicyRevision]] = {}

    async def newest(self, guild_id: str) -> PolicyRevision | None:
        return next(reversed(self._revisions.get(guild_id, [])), None)

    async def history(self, guild_id: str) -> list[PolicyRevision]:
        return list(self._revisions.get(guild_id, []))

    async def add(
        self, guild_id: str, *, document: str | None, author: str, at: datetime, actor: str = ""
    ) -> PolicyRevision:
        revisions = self._revisions.setdefault(guild_id, [])
        revision = PolicyRevision(
            guild_id=guild_id,
            version=len(revisions) + 1,
            document=document,
            author=author,
            at=at,
        )
        revisions.append(revision)
        self.audit.append(on_record.policy_change(revision, actor=actor))
        return revision


def make_policies() -> Policies:
    """Return policies of no guild yet, over the one that ships."""
    return Policies(house=DEFAULT_POLICY, guilds=MemoryGuildPolicies(), clock=lambda: at(0))
