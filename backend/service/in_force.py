"""Puts on record what is in force when a process starts: the safety policy, and who draws."""

from collections.abc import Mapping

import structlog

from backend.domain.errors import Unavailable
from backend.domain.families import ModelFamily
from backend.service.on_record import HOUSE
from backend.service.ports import AuditLog, Clock
from safety.moderation.audit import AuditEntry

GONE = "removed"

_log = structlog.get_logger(__name__)


class InForce:
    """Tells what has changed since it was last told; a log that is away does not stop a start."""

    def __init__(self, *, audit: AuditLog, clock: Clock) -> None:
        self._audit = audit
        self._clock = clock

    async def tell_policy(self, policy_id: str, *, digest: str) -> None:
        """Tell which policy is the house's, by the SHA-256 of what it says."""
        detail = {"policy": policy_id, "sha256": digest}
        await self._tell("policy.in_force", "policy", "changed", detail)

    async def tell_models(self, sources: Mapping[ModelFamily, str]) -> None:
        """Tell what each family is drawn with; those that are not named are served no more."""
        for family in ModelFamily:
            subject = f"family:{family}"
            if family in sources:
                detail = {"model": sources[family]}
                await self._tell("model.served", subject, "changed", detail)
            elif await self._is_served(subject):
                await self._tell("model.served", subject, GONE, {})

    async def _is_served(self, subject: str) -> bool:
        try:
            last = await self._audit.last("model.served", subject)
        except Unavailable:
            return False
        return last is not None and last.outcome != GONE

    async def _tell(
        self, action: str, subject: str, outcome: str, detail: Mapping[str, str]
    ) -> None:
        try:
            last = await self._audit.last(action, subject)
            if last is not None and last.detail == detail:
                return
            if outcome != GONE and (last is None or last.outcome == GONE):
                outcome = "added"
            entry = AuditEntry(
                action=action,
                actor=HOUSE,
                subject=subject,
                outcome=outcome,
                detail=detail,
                at=self._clock(),
            )
            await self._audit.record(entry)
        except Unavailable as error:
            # Nothing is decided by starting; what is decided later has its own row or is not.
            _log.warning("not_on_record", action=action, error=str(error))
