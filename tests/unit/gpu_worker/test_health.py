"""What a worker's own HTTP server answers."""

import http.client
import json
import socket
import threading
from collections.abc import Iterator
from dataclasses import replace

import pytest
from prometheus_client.parser import text_string_to_metric_families as parse

from backend.contracts import WorkerState
from gpu_worker.engine.tally import WINDOW_S, Tally
from gpu_worker.health import HealthServer
from gpu_worker.vitals import (
    ArtistReading,
    CacheReading,
    Dials,
    MemoryReading,
    ProvenanceReading,
    Vitals,
)

WELL = Vitals(
    worker="w1",
    family="sdxl",
    state=WorkerState.GENERATING,
    is_hung=False,
    takes_jobs=True,
    in_hand=2,
    wanted=1,
    looks=30,
    steps=40,
    steps_per_second=2.5,
    ended={"render_finished": 7, "render_failed": 1},
    seconds=dict.fromkeys(WorkerState, 0.0) | {WorkerState.IDLE: 12.5},
    entered=dict.fromkeys(WorkerState, 0) | {WorkerState.GENERATING: 8},
    artist=ArtistReading(
        memory=MemoryReading(
            lent_bytes=100,
            lendable_bytes=1000,
            allocated_bytes=600,
            reserved_bytes=640,
            free_bytes=300,
            evictions=3,
            refusals=2,
        ),
        caches={"embeddings": CacheReading(hits=9, misses=4, size_bytes=4096)},
        ran_out={"denoise": 5},
        compilations=6,
    ),
)


def get_from(server: HealthServer, path: str) -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    connection.request("GET", path)
    answer = connection.getresponse()
    status, body = answer.status, answer.read().decode()
    connection.close()
    return status, body


class Probe:
    """A health server over vitals in our hands."""

    def __init__(self) -> None:
        self.vitals = WELL
        self.lists = {"own": "", "vetted": ""}
        self.server = HealthServer(
            host="127.0.0.1", port=0, read=lambda: self.vitals, read_lists=lambda: self.lists
        )

    def get(self, path: str) -> tuple[int, str]:
        return get_from(self.server, path)

    def samples(self) -> dict[tuple[str, ...], float]:
        status, body = self.get("/metrics")
        assert status == 200
        return {
            (sample.name, *[value for key, value in sample.labels.items() if key not in WHO]): (
                sample.value
            )
            for family in parse(body)
            for sample in family.samples
        }


WHO = ("worker", "family")


@pytest.fixture
def probe() -> Iterator[Probe]:
    probe = Probe()
    probe.server.start()
    yield probe
    probe.server.close()


@pytest.mark.parametrize(
    ("fields", "livez", "readyz"),
    [
        ({}, 200, 200),
        ({"takes_jobs": False, "state": WorkerState.LOADING}, 200, 503),
        ({"takes_jobs": False, "state": WorkerState.UNHEALTHY}, 200, 503),
        ({"is_hung": True}, 503, 503),
        ({"provenance": ProvenanceReading(trouble="credentials_expired")}, 200, 503),
    ],
)
def test_a_worker_lives_until_it_hangs_and_is_ready_while_it_takes_jobs(
    probe: Probe, fields: dict[str, object], livez: int, readyz: int
):
    probe.vitals = replace(WELL, **fields)
    for path, expected in (("/livez", livez), ("/readyz", readyz)):
        status, body = probe.get(path)
        assert status == expected
        assert json.loads(body)["state"] == probe.vitals.state


def test_how_long_pictures_can_be_signed_and_whether_they_are_stamped_is_told(probe: Probe):
    expires, stamps = (
        "impasto_worker_certificate_expires_timestamp_seconds",
        "impasto_worker_time_stamps_usable",
    )
    scraped = probe.samples()
    assert scraped[expires,] == 0
    assert (stamps,) not in scraped
    for is_stamping in (True, False):
        reading = ProvenanceReading(certificate_ends_at=2e9, is_stamping=is_stamping)
        probe.vitals = replace(WELL, provenance=reading)
        scraped = probe.samples()
        assert scraped[expires,] == 2e9
        assert scraped[stamps,] == float(is_stamping)


@pytest.mark.parametrize("trouble", ["stale", "missing", "corrupt", "empty", "unreachable"])
def test_a_worker_is_not_ready_while_a_list_cannot_be_relied_on_and_says_which(
    probe: Probe, trouble: str
):
    status, body = probe.get("/readyz")
    assert (status, json.loads(body)["list_troubles"]) == (200, {})
    probe.lists = {"own": "", "vetted": trouble}
    status, body = probe.get("/readyz")
    assert (status, json.loads(body)["list_troubles"]) == (503, {"vetted": trouble})
    assert probe.get("/livez")[0] == 200
    scraped = probe.samples()
    assert scraped["impasto_worker_hash_list_usable", "vetted"] == 0
    assert scraped["impasto_worker_hash_list_usable", "own"] == 1


def test_a_list_that_takes_forever_does_not_make_a_worker_seem_dead(probe: Probe):
    asked, answered = threading.Event(), threading.Event()

    def hang() -> dict[str, str]:
        asked.set()
        assert answered.wait(30)
        return {}

    server = HealthServer(host="127.0.0.1", port=0, read=lambda: WELL, read_lists=hang)
    server.start()
    slow = threading.Thread(target=lambda: get_from(server, "/readyz"))
    slow.start()
    try:
        assert asked.wait(10)
        assert get_from(server, "/livez")[0] == 200
    finally:
        answered.set()
        slow.join()
        server.close()


def test_every_figure_is_scraped(probe: Probe):
    scraped = probe.samples()
    expected = {
        ("impasto_worker_state", "generating"): 1,
        ("impasto_worker_state", "idle"): 0,
        ("impasto_worker_state_seconds_total", "idle"): 12.5,
        ("impasto_worker_state_entered_total", "generating"): 8,
        ("impasto_worker_ready",): 1,
        ("impasto_worker_hung",): 0,
        ("impasto_worker_jobs_in_hand",): 2,
        ("impasto_worker_jobs_wanted",): 1,
        ("impasto_worker_jobs_ended_total", "finished"): 7,
        ("impasto_worker_jobs_ended_total", "failed"): 1,
        ("impasto_worker_looks_total",): 30,
        ("impasto_worker_steps_total",): 40,
        ("impasto_worker_compilations_total",): 6,
        ("impasto_worker_steps_per_second",): 2.5,
        ("impasto_worker_memory_lent_bytes",): 100,
        ("impasto_worker_memory_lendable_bytes",): 1000,
        ("impasto_worker_memory_allocated_bytes",): 600,
        ("impasto_worker_memory_reserved_bytes",): 640,
        ("impasto_worker_memory_fragmented_bytes",): 40,
        ("impasto_worker_memory_free_bytes",): 300,
        ("impasto_worker_memory_evictions_total",): 3,
        ("impasto_worker_memory_refusals_total",): 2,
        ("impasto_worker_out_of_memory_total", "denoise"): 5,
        ("impasto_worker_cache_hits_total", "embeddings"): 9,
        ("impasto_worker_cache_misses_total", "embeddings"): 4,
        ("impasto_worker_cache_bytes", "embeddings"): 4096,
    }
    assert {name: scraped[name] for name in expected} == expected


def test_before_the_artist_is_open_nothing_is_said_of_its_memory(probe: Probe):
    probe.vitals = replace(WELL, artist=Dials().read())
    assert not [name for name, *_ in probe.samples() if "memory_" in name or "cache_" in name]


def test_other_paths_are_not_there(probe: Probe):
    assert probe.get("/")[0] == 404
    assert probe.get("/readyz?verbose=1")[0] == 200


def test_somebody_who_says_nothing_keeps_nobody_else_waiting(probe: Probe):
    with socket.create_connection(("127.0.0.1", probe.server.port)):
        assert probe.get("/livez")[0] == 200


def test_steps_a_second_are_of_the_last_whole_seconds():
    now = 100.5
    tally = Tally(clock=lambda: now)
    for _ in range(4):
        tally.count(5)
    # The second that is not over yet does not count.
    assert tally.steps_per_second() == 0.0
    now += 1
    assert tally.steps_per_second() == 20 / WINDOW_S
    now += WINDOW_S
    assert tally.steps_per_second() == 0.0
    assert (tally.looks, tally.steps) == (4, 20)
