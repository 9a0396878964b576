"""In-memory twin of the audit log; shares a `Memory` with the stores that record into it."""

from backend.domain.errors import Unavailable
from safety.moderation.audit import AuditEntry
from tests.fakes.stores import Memory


class MemoryAuditLog:
    """The `AuditLog` in memory; refuses while `is_away`."""

    def __init__(self, *, memory: Memory | None = None) -> None:
        self.memory = memory or Memory()

    @property
    def is_away(self) -> bool:
        """Whether the log refuses, to whoever shares its memory."""
        return self.memory.is_audit_away

    @is_away.setter
    def is_away(self, is_away: bool) -> None:
        self.memory.is_audit_away = is_away

    @property
    def entries(self) -> list[AuditEntry]:
        """Everything on record, oldest first."""
        return self.memory.audit

    def actions(self) -> list[str]:
        """Return what was done, oldest first."""
        return [entry.action for entry in self.entries]

    async def record(self, entry: AuditEntry) -> None:
        if self.is_away:
            raise Unavailable
        self.memory.audit.append(entry)

    async def last(self, action: str, subject: str) -> AuditEntry | None:
        found = (e for e in reversed(self.entries) if (e.action, e.subject) == (action, subject))
        return next(found, None)
