"""What a live worker says of itself, for whoever hands out jobs."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from backend.domain.workers import WorkerState


class WorkerPresence(BaseModel):
    """What a live worker says of itself, every two seconds and whenever it changes.

    It draws up to `slots` jobs at once and asks for `wants` more now, besides what it has in hand.
    Said before a job's beginning is reported, so that nobody who counts jobs on their way first
    and reads this afterwards hands out more than was asked for. `controlnets` are all that may be
    named to it; of `adapters` it has what it needs in memory. What a newer release says besides
    is passed over: it is a hint, the job table is the truth.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")
    version: Literal[1] = 1
    kind: Literal["worker_presence"] = "worker_presence"
    slots: Annotated[int, Field(ge=0)]
    wants: Annotated[int, Field(ge=0)]
    adapters: tuple[str, ...] = ()
    controlnets: tuple[str, ...] = ()
    has_own_queue: bool = True
    state: WorkerState = WorkerState.IDLE

    @field_validator("state", mode="before")
    @classmethod
    def _pass_over_news(cls, said: object) -> object:
        return said if said in list(WorkerState) else WorkerState.IDLE


def parse_presence(value: str | bytes) -> WorkerPresence:
    """Read the value of a worker's key; a plain number is an older worker's slots.

    It has no queue of its own and is handed one job a slot ahead.

    Raises:
        pydantic.ValidationError: it is neither.

    """
    if value.strip().isdigit():
        return WorkerPresence(slots=int(value), wants=int(value), has_own_queue=False)
    return WorkerPresence.model_validate_json(value)
