"""A small HTTP server that says how a worker is: `/livez`, `/readyz` and `/metrics`.

It runs in threads of its own and answers also while the engine is busy or a server is away. Nothing
it says is about a job; its labels are states, stages and kinds, no more.
"""

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

import structlog
from prometheus_client import CollectorRegistry, Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from backend.contracts import WorkerState
from gpu_worker.vitals import CacheReading, MemoryReading, Vitals

# Who connects and says nothing is let go.
PATIENCE_S: Final = 5.0

_log = structlog.get_logger(__name__)

_GAUGES: Final[Mapping[str, tuple[str, Callable[[Vitals], float]]]] = {
    "impasto_worker_ready": ("Whether it takes jobs.", lambda v: v.takes_jobs),
    "impasto_worker_hung": ("Whether something hangs that nothing frees.", lambda v: v.is_hung),
    "impasto_worker_provenance_ready": (
        "Whether pictures can be signed; none leaves unsigned.",
        lambda v: not v.provenance.trouble,
    ),
    "impasto_worker_certificate_expires_timestamp_seconds": (
        "When what signs pictures ends; 0 if there is none.",
        lambda v: v.provenance.certificate_ends_at,
    ),
    "impasto_worker_jobs_in_hand": ("Jobs drawn, waiting or stored.", lambda v: v.in_hand),
    "impasto_worker_jobs_wanted": ("Jobs asked for besides.", lambda v: v.wanted),
    "impasto_worker_steps_per_second": (
        "Steps of jobs taken a second, of the last ten.",
        lambda v: v.steps_per_second,
    ),
}
_COUNTERS: Final[Mapping[str, tuple[str, Callable[[Vitals], float]]]] = {
    "impasto_worker_looks": ("Looks of the network, for one job or several.", lambda v: v.looks),
    "impasto_worker_steps": ("Steps of jobs taken.", lambda v: v.steps),
    "impasto_worker_compilations": (
        "Graphs compiled; none should come while jobs are taken.",
        lambda v: v.artist.compilations,
    ),
}
_MEMORY_GAUGES: Final[Mapping[str, tuple[str, Callable[[MemoryReading], float]]]] = {
    "impasto_worker_memory_lent_bytes": ("Promised by the books.", lambda m: m.lent_bytes),
    "impasto_worker_memory_lendable_bytes": (
        "What the books may promise at most.",
        lambda m: m.lendable_bytes,
    ),
    "impasto_worker_memory_allocated_bytes": (
        "Measured in tensors; 0 on a CPU, which keeps no account.",
        lambda m: m.allocated_bytes,
    ),
    "impasto_worker_memory_reserved_bytes": (
        "Taken from the device, tensors included.",
        lambda m: m.reserved_bytes,
    ),
    "impasto_worker_memory_fragmented_bytes": (
        "Taken from the device and in no tensor.",
        lambda m: m.fragmented_bytes,
    ),
    "impasto_worker_memory_free_bytes": ("What the device has left.", lambda m: m.free_bytes),
}
_MEMORY_COUNTERS: Final[Mapping[str, tuple[str, Callable[[MemoryReading], float]]]] = {
    "impasto_worker_memory_evictions": ("Components that had to leave.", lambda m: m.evictions),
    "impasto_worker_memory_refusals": ("Wishes with no room for them.", lambda m: m.refusals),
}
_CACHE_COUNTERS: Final[Mapping[str, tuple[str, Callable[[CacheReading], float]]]] = {
    "impasto_worker_cache_hits": ("What was needed and lay ready.", lambda c: c.hits),
    "impasto_worker_cache_misses": ("What was needed and had to be made.", lambda c: c.misses),
}


class HealthServer:
    """Answers until it is closed; `read` is asked for each answer, on a thread of the server.

    `read_lists` says what is the trouble with each list of known pictures, "" if none is. It may
    take long, so whether the worker lives does not hang on it.
    """

    def __init__(
        self,
        *,
        host: str,
        port: int,
        read: Callable[[], Vitals],
        read_lists: Callable[[], Mapping[str, str]] = dict,
    ) -> None:
        class Handler(_Handler):
            vitals = staticmethod(read)
            list_states = staticmethod(read_lists)

        self._server = ThreadingHTTPServer((host, port), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(
            target=self._server.serve_forever, name="health", daemon=True
        )

    @property
    def port(self) -> int:
        """Where it listens; the system chose if 0 was asked for."""
        return int(self._server.server_address[1])

    def start(self) -> None:
        """Begin to answer."""
        self._thread.start()
        _log.info("health_listens", port=self.port)

    def close(self) -> None:
        """Answer no more."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Handler(BaseHTTPRequestHandler):
    timeout = PATIENCE_S
    server_version = "impasto"
    sys_version = ""
    vitals: Callable[[], Vitals]
    list_states: Callable[[], Mapping[str, str]]

    def do_GET(self) -> None:
        vitals = self.vitals()
        match self.path.partition("?")[0]:
            case "/livez":
                self._answer(not vitals.is_hung, _in_short(vitals))
            case "/readyz":
                self._answer_readiness(vitals)
            case "/metrics":
                accept = self.headers.get("Accept", "")
                body, content_type = expose(vitals, self.list_states(), accept=accept)
                self._send(200, body, content_type)
            case _:
                self._send(404, b"", "text/plain")

    def _answer_readiness(self, vitals: Vitals) -> None:
        """Say no while nothing it draws could leave, and why."""
        troubles = {name: trouble for name, trouble in self.list_states().items() if trouble}
        works = vitals.takes_jobs and not vitals.is_hung
        is_ready = works and not vitals.provenance.trouble and not troubles
        self._answer(is_ready, {**_in_short(vitals), "list_troubles": troubles})

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - named so in the library
        """Keep probes, which come every few seconds, out of the log."""

    def _answer(self, is_well: bool, document: Mapping[str, object]) -> None:  # noqa: FBT001 - private
        body = json.dumps(document).encode()
        self._send(200 if is_well else 503, body, "application/json")

    def _send(self, status: int, body: bytes, content_type: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class VitalsCollector(Collector):
    """Offers a worker's vitals to Prometheus, and whether its lists can be relied on."""

    def __init__(self, vitals: Vitals, list_states: Mapping[str, str]) -> None:
        self._vitals = vitals
        self._list_states = list_states
        self._who = (vitals.worker, vitals.family)

    def collect(self) -> Iterator[Metric]:
        vitals, memory = self._vitals, self._vitals.artist.memory
        yield from self._plain(GaugeMetricFamily, _GAUGES, vitals)
        yield from self._plain(CounterMetricFamily, _COUNTERS, vitals)
        if memory is not None:
            yield from self._plain(GaugeMetricFamily, _MEMORY_GAUGES, memory)
            yield from self._plain(CounterMetricFamily, _MEMORY_COUNTERS, memory)
        yield from self._stamps()
        yield from self._states()
        ended = self._counter("impasto_worker_jobs_ended", "Jobs that ended.", "outcome")
        for kind, count in vitals.ended.items():
            ended.add_metric((*self._who, kind.removeprefix("render_")), count)
        ran_out = self._counter("impasto_worker_out_of_memory", "Times memory ran out.", "stage")
        for stage, count in vitals.artist.ran_out.items():
            ran_out.add_metric((*self._who, stage), count)
        yield from (ended, ran_out)
        yield from self._caches()
        yield self._lists()

    def _plain(
        self,
        kind: type[GaugeMetricFamily] | type[CounterMetricFamily],
        table: Mapping[str, tuple[str, Callable[[Any], float]]],
        of: object,
    ) -> Iterator[Metric]:
        for name, (text, value_of) in table.items():
            metric = kind(name, text, labels=("worker", "family"))
            metric.add_metric(self._who, float(value_of(of)))
            yield metric

    def _stamps(self) -> Iterator[Metric]:
        is_stamping = self._vitals.provenance.is_stamping
        if is_stamping is None:
            return
        usable = GaugeMetricFamily(
            "impasto_worker_time_stamps_usable",
            "Whether the authority of time answers; files leave without a stamp while it does not.",
            labels=("worker", "family"),
        )
        usable.add_metric(self._who, float(is_stamping))
        yield usable

    def _states(self) -> Iterator[Metric]:
        vitals = self._vitals
        state = GaugeMetricFamily(
            "impasto_worker_state", "What it does: 1.", labels=("worker", "family", "state")
        )
        seconds = self._counter("impasto_worker_state_seconds", "Time in each state.", "state")
        entered = self._counter("impasto_worker_state_entered", "Ways into each state.", "state")
        for one in WorkerState:
            labels = (*self._who, one.value)
            state.add_metric(labels, float(vitals.state is one))
            seconds.add_metric(labels, vitals.seconds[one])
            entered.add_metric(labels, vitals.entered[one])
        yield from (state, seconds, entered)

    def _lists(self) -> Metric:
        usable = GaugeMetricFamily(
            "impasto_worker_hash_list_usable",
            "Whether a list of known pictures can be looked in; nothing leaves while one cannot.",
            labels=("worker", "family", "list"),
        )
        for name, trouble in self._list_states.items():
            usable.add_metric((*self._who, name), float(not trouble))
        return usable

    def _caches(self) -> Iterator[Metric]:
        size = GaugeMetricFamily(
            "impasto_worker_cache_bytes",
            "What is kept ready.",
            labels=("worker", "family", "cache"),
        )
        for name, reading in self._vitals.artist.caches.items():
            size.add_metric((*self._who, name), reading.size_bytes)
        yield size
        for metric, (text, count_of) in _CACHE_COUNTERS.items():
            counter = self._counter(metric, text, "cache")
            for name, reading in self._vitals.artist.caches.items():
                counter.add_metric((*self._who, name), count_of(reading))
            yield counter

    def _counter(self, name: str, text: str, label: str) -> CounterMetricFamily:
        return CounterMetricFamily(name, text, labels=("worker", "family", label))


def expose(vitals: Vitals, list_states: Mapping[str, str], *, accept: str) -> tuple[bytes, str]:
    """Return a worker's figures as an `Accept` header asks for them, and their content type."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(VitalsCollector(vitals, list_states))
    encode, content_type = choose_encoder(accept)
    return encode(registry), content_type


def _in_short(vitals: Vitals) -> Mapping[str, object]:
    return {
        "worker": vitals.worker,
        "family": vitals.family,
        "state": vitals.state,
        "takes_jobs": vitals.takes_jobs,
        "is_hung": vitals.is_hung,
        "jobs_in_hand": vitals.in_hand,
        "provenance_trouble": vitals.provenance.trouble,
    }
