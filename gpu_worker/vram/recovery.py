"""What is done when memory runs out: free, try once more in smaller portions, then say so.

free what is not in use -> again, halved or tiled where the stage can be -> `OutOfMemory`.
A worker to which that keeps happening takes itself out of service: see `quarantine`.
"""

import traceback
from collections import Counter
from collections.abc import Callable
from enum import StrEnum
from typing import TypeVar, assert_never

import structlog

from gpu_worker.state import OutOfMemory
from gpu_worker.vram.probe import is_out_of_memory

T = TypeVar("T")
_log = structlog.get_logger(__name__)


class Stage(StrEnum):
    """Where memory can run out."""

    LOAD = "load"
    LOAD_ADAPTERS = "load_adapters"
    ENCODE = "encode"
    DENOISE = "denoise"
    DECODE = "decode"
    UPSCALE = "upscale"


class Portion(StrEnum):
    """How much of its work a stage is to do at once."""

    WHOLE = "whole"
    HALVES = "halves"  # half of the rows, then the other half
    TILES = "tiles"  # part of a picture after another


# Called before every attempt at a stage; a drill or a test raises from it.
Strike = Callable[[Stage], None]


def smaller_portion(stage: Stage, *, rows: int) -> Portion:
    """Return the portion in which a stage that ran out of memory is tried once more."""
    match stage:
        case Stage.LOAD | Stage.LOAD_ADAPTERS | Stage.ENCODE:
            return Portion.WHOLE  # what was freed has to be enough
        case Stage.DENOISE:
            return Portion.HALVES if rows > 1 else Portion.WHOLE
        case Stage.DECODE | Stage.UPSCALE:
            return Portion.TILES
        case _:
            assert_never(stage)


class Recovery:
    """Runs stages so that running out of memory ends in a result or in `OutOfMemory`.

    `free` gives back all that is not in use. It is called when nothing of the failed attempt is
    alive any more.
    """

    def __init__(self, *, free: Callable[[], None], strike: Strike = lambda _stage: None) -> None:
        self._free = free
        self._strike = strike
        self.ran_out: Counter[Stage] = Counter()

    def run(
        self, stage: Stage, work: Callable[[Portion], T], *, rows: int = 1, what: str = ""
    ) -> T:
        """Do the work of a stage, whole; if memory runs out, free some and try once more.

        `work` must leave nothing half done behind when it raises: it is called again. `rows` says
        how many rows of a batch there are to halve, and `what` begins the sentence of a failure.

        Raises:
            OutOfMemory: it ran out again; what can be freed has been.

        """
        ran_out, done = self._attempt(stage, work, Portion.WHOLE)
        if not ran_out:
            return done[0]
        self._free()
        portion = smaller_portion(stage, rows=rows)
        _log.warning("out_of_memory", stage=stage, again=portion)
        ran_out, done = self._attempt(stage, work, portion)
        if not ran_out:
            return done[0]
        self._free()
        _log.error("out_of_memory_again", stage=stage, portion=portion)
        raise OutOfMemory(f"{what or _IN_WORDS[stage]} did not fit into memory.")

    def _attempt(
        self, stage: Stage, work: Callable[[Portion], T], portion: Portion
    ) -> tuple[bool, list[T]]:
        """Return whether memory ran out, and what was done if it did not."""
        try:
            self._strike(stage)
            return False, [work(portion)]
        except Exception as error:
            if not (is_out_of_memory(error) or isinstance(error, OutOfMemory)):
                raise
            self.ran_out[stage] += 1
            # The traceback's frames hold the very tensors that filled the memory.
            traceback.clear_frames(error.__traceback__)
        return True, []


_IN_WORDS = {
    Stage.LOAD: "The model",
    Stage.LOAD_ADAPTERS: "Its LoRAs or ControlNets",
    Stage.ENCODE: "Reading the prompt",
    Stage.DENOISE: "Drawing the picture",
    Stage.DECODE: "Making a picture of what was drawn",
    Stage.UPSCALE: "Enlarging the picture",
}
