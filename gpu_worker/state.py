"""The machine a worker runs through for each job, and the failures that can end one; pure.

RenderError
├── ModelNotConfigured · ModelMissing · ModelBroken
├── BadRequest · SourceMissing
├── OutOfMemory
├── StorageFull · StorageUnavailable
└── InternalError
Cancelled is no failure: the asker wanted it.
"""

from enum import StrEnum
from typing import ClassVar


class WorkerState(StrEnum):
    """What a worker is doing."""

    INITIALISING = "initialising"
    LOADING = "loading"
    IDLE = "idle"
    PROCESSING = "processing"
    GENERATING = "generating"
    POST_PROCESSING = "post_processing"
    ERROR = "error"
    STOPPED = "stopped"


_MOVES: dict[WorkerState, frozenset[WorkerState]] = {
    WorkerState.INITIALISING: frozenset({WorkerState.LOADING, WorkerState.STOPPED}),
    WorkerState.LOADING: frozenset({WorkerState.IDLE, WorkerState.ERROR}),
    WorkerState.IDLE: frozenset({WorkerState.PROCESSING, WorkerState.STOPPED}),
    # Back to idle from anywhere: a cancelled job ends where it stands.
    WorkerState.PROCESSING: frozenset(
        {WorkerState.GENERATING, WorkerState.IDLE, WorkerState.ERROR}
    ),
    WorkerState.GENERATING: frozenset(
        {WorkerState.POST_PROCESSING, WorkerState.IDLE, WorkerState.ERROR}
    ),
    WorkerState.POST_PROCESSING: frozenset({WorkerState.IDLE, WorkerState.ERROR}),
    WorkerState.ERROR: frozenset({WorkerState.IDLE, WorkerState.STOPPED}),
    WorkerState.STOPPED: frozenset(),
}


class IllegalMove(Exception):
    """A bug: the worker tried to go where the table does not lead."""


def move(current: WorkerState, target: WorkerState) -> WorkerState:
    """Return `target`, if the table leads there from `current`.

    Raises:
        IllegalMove: it does not.

    """
    if target not in _MOVES[current]:
        raise IllegalMove(f"{current} -> {target}")
    return target


class Cancelled(Exception):
    """The asker took the job back; raised between two steps."""


class RenderError(Exception):
    """A job that cannot be drawn; the message is for people and never holds a prompt."""

    code: ClassVar[str] = "internal"
    is_retryable: ClassVar[bool] = False


class ModelNotConfigured(RenderError):
    """No model folder is named in the settings for this family."""

    code = "model_not_configured"


class ModelMissing(RenderError):
    """The named model is not there."""

    code = "model_missing"


class ModelBroken(RenderError):
    """The model is there but cannot be loaded; the message names the file."""

    code = "model_broken"


class BadRequest(RenderError):
    """The job asks for what this family cannot do."""

    code = "bad_request"


class SourceMissing(RenderError):
    """The picture to start from is no longer stored."""

    code = "source_missing"


class OutOfMemory(RenderError):
    """The device or the host ran out of memory; what was held has been given back."""

    code = "out_of_memory"
    is_retryable = True


class StorageFull(RenderError):
    """The picture could not be stored: no space left."""

    code = "storage_full"


class StorageUnavailable(RenderError):
    """The object store did not answer."""

    code = "storage_unavailable"
    is_retryable = True


class InternalError(RenderError):
    """Something nobody foresaw; the details are in the worker's log."""

    code = "internal"
    is_retryable = True
