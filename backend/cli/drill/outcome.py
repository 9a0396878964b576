"""What a drill comes to."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from backend.cli.drill.ledger import Ledger
from backend.cli.drill.recovery import Blow
from backend.domain.requests import JobId

# The id of a button on a job's message: imp:1:<action>:<job>:<index>.
JOB_ID_WORDS: Final = 5


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """The books of a drill and the faults it saw.

    `untold`: jobs with a committed event that was never published. `unshown`: Discord messages that
    do not show their job's end.
    """

    ledger: Ledger
    blows: tuple[Blow, ...]
    untold: int
    unshown: int

    @property
    def is_clean(self) -> bool:
        """Whether the books are, and the world heard of every end."""
        return self.ledger.is_clean and not self.untold and not self.unshown


def shown_by_job(messages: Sequence[Mapping[str, Any]]) -> dict[JobId, int]:
    """Count, for each job that Discord messages show, the messages that hold its pictures."""
    shown: dict[JobId, int] = {}
    for message in messages:
        ids = {
            words[3]
            for component in message["components"]
            if len(words := str(component.get("custom_id") or "").split(":")) == JOB_ID_WORDS
        }
        for job_id in ids:
            shown[JobId(job_id)] = shown.get(JobId(job_id), 0) + bool(message["attachments"])
    return shown
