"""What an operator can read off a worker: its state, its work and its memory; pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from backend.contracts import WorkerState


@dataclass(frozen=True, kw_only=True)
class MemoryReading:
    """A device's memory, by the books and as measured, in bytes."""

    lent_bytes: int  # by the books: what has been promised to work and adapters
    lendable_bytes: int  # what the books may promise at most
    allocated_bytes: int  # measured: in tensors
    reserved_bytes: int  # measured: taken from the device, tensors included
    free_bytes: int  # measured: what the device has left
    evictions: int
    refusals: int

    @property
    def fragmented_bytes(self) -> int:
        """What is taken from the device and holds no tensor: gaps, and blocks kept."""
        return self.reserved_bytes - self.allocated_bytes


@dataclass(frozen=True, kw_only=True)
class CacheReading:
    """How often something that was needed lay ready, and how often it had to be made."""

    hits: int
    misses: int
    size_bytes: int


@dataclass(frozen=True, kw_only=True)
class ArtistReading:
    """What is known of whatever draws, once it has been opened."""

    memory: MemoryReading | None = None
    caches: Mapping[str, CacheReading] = field(default_factory=dict)
    ran_out: Mapping[str, int] = field(default_factory=dict)  # of memory, by stage
    compilations: int = 0  # of graphs; none should come once jobs are taken


@dataclass(frozen=True, kw_only=True)
class ProvenanceReading:
    """What is known of marking and signing."""

    trouble: str = ""  # why no picture could leave signed; "" if all is well
    certificate_ends_at: float = 0.0  # seconds since 1970; 0 if there is none
    is_stamping: bool | None = None  # the authority of time answers; None: none is set


class Dials:
    """Where an artist, once it is open, shows what is known of it; read from any thread."""

    def __init__(self) -> None:
        self.read: Callable[[], ArtistReading] = ArtistReading


@dataclass(frozen=True, kw_only=True)
class Vitals:
    """A worker at one moment. What is counted only grows."""

    worker: str
    family: str
    state: WorkerState
    is_hung: bool
    takes_jobs: bool
    in_hand: int  # jobs
    wanted: int  # jobs
    looks: int  # of the network, each for one job or several
    steps: int  # of jobs
    steps_per_second: float  # of the last seconds
    ended: Mapping[str, int]  # jobs, by the kind of their final report
    seconds: Mapping[WorkerState, float]
    entered: Mapping[WorkerState, int]
    artist: ArtistReading
    provenance: ProvenanceReading = field(default_factory=ProvenanceReading)
