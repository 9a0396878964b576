"""The machine a worker runs through for each job, and the failures that can end one; pure.

initialising -> loading -> idle -> processing [-> loading_adapters] -> generating -> post_processing
                            ^                                                              |
                            +--------------------------------------------------------------+
From any stage of a job to error; then back to idle, or recovering (memory is given back, parts are
loaded anew) -> idle or unhealthy (takes no jobs) -> recovering again, or unloading -> stopped.

RenderError
├── ModelNotConfigured · ModelMissing · ModelBroken
├── AdapterMissing · AdapterBroken · AdapterUnfit
├── BadRequest · SourceMissing
├── OutOfMemory
├── StorageFull · StorageUnavailable
├── Hung
└── InternalError
Cancelled is no failure: the asker wanted it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import ClassVar

from backend.contracts import WorkerState

_S = WorkerState
MOVES: Mapping[WorkerState, frozenset[WorkerState]] = MappingProxyType(
    {
        _S.INITIALISING: frozenset({_S.LOADING, _S.STOPPED}),
        _S.LOADING: frozenset({_S.IDLE, _S.ERROR}),
        # To recovering when several of its jobs failed in a row, each in a course of its own.
        _S.IDLE: frozenset({_S.PROCESSING, _S.RECOVERING, _S.UNLOADING, _S.STOPPED}),
        # Back to idle from every stage of a job: a cancelled one ends where it stands.
        _S.PROCESSING: frozenset({_S.LOADING_ADAPTERS, _S.GENERATING, _S.IDLE, _S.ERROR}),
        _S.LOADING_ADAPTERS: frozenset({_S.GENERATING, _S.IDLE, _S.ERROR}),
        _S.GENERATING: frozenset({_S.POST_PROCESSING, _S.IDLE, _S.ERROR}),
        _S.POST_PROCESSING: frozenset({_S.IDLE, _S.ERROR}),
        # Back to loading for another model.
        _S.UNLOADING: frozenset({_S.LOADING, _S.STOPPED, _S.ERROR}),
        _S.ERROR: frozenset({_S.IDLE, _S.RECOVERING, _S.UNLOADING, _S.STOPPED}),
        _S.RECOVERING: frozenset({_S.IDLE, _S.UNHEALTHY, _S.STOPPED}),
        # It takes no jobs; it may try itself again, or make room for its successor.
        _S.UNHEALTHY: frozenset({_S.RECOVERING, _S.UNLOADING, _S.STOPPED}),
        _S.STOPPED: frozenset(),
    }
)
TAKES_JOBS = frozenset({_S.IDLE})


@dataclass(frozen=True, kw_only=True)
class Transition:
    """One move of a worker, as its operator is told of it."""

    source: WorkerState
    target: WorkerState
    reason: str = ""  # for people; never a prompt


# Told of every move after it was made, on the thread that made it.
Listener = Callable[[Transition], None]


class IllegalMove(Exception):
    """A bug: the worker tried to go where the table does not lead."""


def move(current: WorkerState, target: WorkerState) -> WorkerState:
    """Return `target`, if the table leads there from `current`.

    Raises:
        IllegalMove: it does not.

    """
    if target not in MOVES[current]:
        raise IllegalMove(f"{current} -> {target}")
    return target


class StateMachine:
    """The place of a worker, or of one of its jobs, in the table; tells listeners of every move."""

    def __init__(self, *listeners: Listener, state: WorkerState = WorkerState.INITIALISING) -> None:
        self._state = state
        self._listeners = list(listeners)

    @property
    def state(self) -> WorkerState:
        """Where the worker is."""
        return self._state

    @property
    def takes_jobs(self) -> bool:
        """Whether a job may begin now."""
        return self._state in TAKES_JOBS

    def listen(self, listener: Listener) -> None:
        """Tell one more listener of every move from now on."""
        self._listeners.append(listener)

    def move(self, target: WorkerState, *, reason: str = "") -> Transition:
        """Go to `target` and tell all listeners, in the order they came.

        Raises:
            IllegalMove: the table does not lead there; nothing has moved and nobody was told.

        """
        transition = Transition(source=self._state, target=move(self._state, target), reason=reason)
        self._state = target
        for listener in self._listeners:
            listener(transition)
        return transition

    def reach(self, target: WorkerState) -> None:
        """Go to `target`, unless it is there already.

        Raises:
            IllegalMove: as for `move`.

        """
        if self._state is not target:
            self.move(target)

    def fall_ill(self, *, reason: str = "") -> None:
        """Take no jobs for a while."""
        if WorkerState.RECOVERING in MOVES[self._state] and not self.is_ill:
            self.move(WorkerState.RECOVERING, reason=reason)
            self.move(WorkerState.UNHEALTHY, reason=reason)

    def recover(self) -> bool:
        """Take jobs again, if it took none; tell whether that was so."""
        was_ill = self.is_ill
        if was_ill:
            self.move(WorkerState.RECOVERING)
            self.move(WorkerState.IDLE)
        return was_ill

    @property
    def is_ill(self) -> bool:
        """Whether it is out of service until something shows that it can work."""
        return self._state is WorkerState.UNHEALTHY


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


class AdapterMissing(RenderError):
    """The named LoRA or ControlNet is not there; the message says which are."""

    code = "adapter_missing"


class AdapterBroken(RenderError):
    """The LoRA or ControlNet is there but cannot be loaded."""

    code = "adapter_broken"


class AdapterUnfit(RenderError):
    """The LoRA or ControlNet was made for another model; the message says for which."""

    code = "adapter_unfit"


class BadRequest(RenderError):
    """The job asks for what this family cannot do."""

    code = "bad_request"


class TilingNotSupported(RenderError):
    """The family cannot draw pictures whose edges meet."""

    code = "tiling_not_supported"


class ImagePromptsNotSupported(RenderError):
    """The model has no adapter that reads pictures."""

    code = "image_prompts_not_supported"


class SourceMissing(RenderError):
    """The picture to start from is no longer stored."""

    code = "source_missing"


class RecipeMismatch(RenderError):
    """Pictures cannot be the same again: what they were made of is not here, but something else."""

    code = "recipe_mismatch"


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


class Hung(RenderError):
    """The worker stopped moving while it drew this; it ends itself."""

    code = "hung"
    is_retryable = True


class InternalError(RenderError):
    """Something nobody foresaw; the details are in the worker's log."""

    code = "internal"
    is_retryable = True
