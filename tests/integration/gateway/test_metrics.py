"""What Prometheus scrapes, and who may."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from prometheus_client.openmetrics.parser import (
    text_string_to_metric_families as parse_open_metrics,
)
from prometheus_client.parser import text_string_to_metric_families as parse

from backend.domain.families import ModelFamily
from backend.domain.reviews import Backlog, BacklogKind
from backend.domain.tiers import Tier
from backend.domain.workers import WorkerState
from backend.gateway.metrics_door import is_loopback
from backend.scheduling.gauges import Board, FamilyGauges, TierGauges
from tests.integration.gateway.workshop import Workshop, open_workshop

HERE = "http://127.0.0.1:8080"
TOKEN = "geheim"  # noqa: S105 - of a test
BOARD = Board(
    is_led=True,
    workers={ModelFamily.SDXL: 2, ModelFamily.FLUX: 0},
    states={ModelFamily.SDXL: {WorkerState.IDLE: 1, WorkerState.UNHEALTHY: 1}},
    families={
        ModelFamily.SDXL: FamilyGauges(
            at_s=1000.0,
            slots=4,
            drain_s=12.5,
            tiers={
                Tier.TURBO: TierGauges(
                    waiting=3,
                    handed_out=2,
                    running=1,
                    oldest_s=7.5,
                    waiting_gpu_s=9.0,
                    begun=40,
                    promoted=5,
                    ended_gpu_s=60.5,
                    told=20,
                    kept_p50=11,
                    kept_p90=18,
                    share=0.75,
                    due_share=0.6,
                    jain=0.97,
                    p50_coverage=0.55,
                    p90_coverage=0.9,
                )
            },
        ),
        ModelFamily.FLUX: FamilyGauges(at_s=1000.0, drain_s=None),
    },
    backlog=(Backlog(kind=BacklogKind.APPEAL, open=3, overdue=1, oldest_s=300_000.0),),
)


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Workshop]:
    async with open_workshop(objects_folder=tmp_path / "objects", public_url=HERE) as opened:
        opened.gauges.board = BOARD
        yield opened


@pytest.fixture
async def guarded(tmp_path: Path) -> AsyncIterator[Workshop]:
    async with open_workshop(objects_folder=tmp_path / "objects", metrics_token=TOKEN) as opened:
        opened.gauges.board = BOARD
        yield opened


async def samples(workshop: Workshop, **headers: str) -> dict[tuple[str, ...], float]:
    """Scrape, and return what was sampled by name and label values."""
    response = await workshop.client.get("/metrics", headers=headers)
    text = await response.text()
    assert response.status == 200, text
    is_open = "openmetrics" in response.headers["Content-Type"]
    return {
        (sample.name, *sample.labels.values()): sample.value
        for metric in (parse_open_metrics if is_open else parse)(text)
        for sample in metric.samples
    }


@pytest.mark.parametrize("accept", ["", "application/openmetrics-text; version=1.0.0"])
async def test_a_board_is_scraped_as_it_is(here: Workshop, accept: str) -> None:
    scraped = await samples(here, Accept=accept)
    turbo = {
        "impasto_queue_waiting": 3,
        "impasto_queue_handed_out": 2,
        "impasto_queue_running": 1,
        "impasto_queue_oldest_age_seconds": 7.5,
        "impasto_queue_waiting_gpu_seconds": 9,
        "impasto_queue_begun_total": 40,
        "impasto_queue_promotions_total": 5,
        "impasto_queue_served_gpu_seconds_total": 60.5,
        "impasto_queue_eta_told_total": 20,
        "impasto_queue_share_ratio": 0.75,
        "impasto_queue_due_share_ratio": 0.6,
        "impasto_queue_jain_ratio": 0.97,
    }
    assert {name: scraped[name, "sdxl", "turbo"] for name in turbo} == turbo
    assert scraped["impasto_queue_eta_kept_total", "sdxl", "turbo", "p50"] == 11
    assert scraped["impasto_queue_eta_kept_total", "sdxl", "turbo", "p90"] == 18
    assert scraped["impasto_queue_eta_coverage_ratio", "sdxl", "turbo", "p90"] == 0.9
    assert scraped["impasto_dispatcher_leader",] == 1
    assert scraped["impasto_workers", "sdxl"] == 2
    assert scraped["impasto_worker_slots", "sdxl"] == 4
    assert scraped["impasto_worker_state", "sdxl", "unhealthy"] == 1
    assert scraped["impasto_worker_state", "sdxl", "generating"] == 0
    assert scraped["impasto_worker_state", "flux", "idle"] == 0
    assert scraped["impasto_queue_drain_seconds", "sdxl"] == 12.5
    assert scraped["impasto_queue_drain_seconds", "flux"] == float("inf")
    assert scraped["impasto_queue_told_timestamp_seconds", "sdxl"] == 1000.0


async def test_what_waits_for_moderators_is_scraped_by_kind(here: Workshop) -> None:
    scraped = await samples(here)
    assert scraped["impasto_reviews_open", "appeal"] == 3
    assert scraped["impasto_reviews_overdue", "appeal"] == 1
    assert scraped["impasto_reviews_oldest_age_seconds", "appeal"] == 300_000
    here.gauges.board = Board()
    assert ("impasto_reviews_open", "appeal") not in await samples(here)


async def test_what_nobody_could_measure_is_no_sample(here: Workshop) -> None:
    scraped = await samples(here)
    assert ("impasto_queue_jain_ratio", "flux", "turbo") not in scraped
    assert ("impasto_queue_eta_coverage_ratio", "flux", "turbo", "p90") not in scraped
    assert scraped["impasto_queue_waiting", "flux", "turbo"] == 0


async def test_labels_name_families_and_tiers_and_nobody(here: Workshop) -> None:
    response = await here.client.get("/metrics")
    labels = {
        (name, value)
        for metric in parse(await response.text())
        for sample in metric.samples
        for name, value in sample.labels.items()
    }
    allowed = {("family", family.value) for family in ModelFamily}
    allowed |= {("tier", tier.value) for tier in Tier}
    allowed |= {("state", state.value) for state in WorkerState}
    allowed |= {("kind", kind.value) for kind in BacklogKind}
    assert labels <= allowed | {("within", "p50"), ("within", "p90")}


async def test_without_a_leader_there_is_that_to_see_and_nothing_else(here: Workshop) -> None:
    here.gauges.board = Board()
    assert await samples(here) == {("impasto_dispatcher_leader",): 0}


async def test_a_server_that_is_away_is_no_empty_line(here: Workshop) -> None:
    here.gauges.is_away = True
    response = await here.client.get("/metrics")
    assert response.status == 503


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Forwarded-For": "203.0.113.7"},
        {"Forwarded": "for=203.0.113.7"},
        {"Via": "1.1 proxy"},
        {"X-Real-IP": "203.0.113.7"},
        {"Host": "pictures.example"},
        {"Host": "[::1"},
    ],
    ids=str,
)
async def test_what_comes_from_elsewhere_finds_nothing(here: Workshop, headers) -> None:
    response = await here.client.get("/metrics", headers=headers)
    assert response.status == 404


async def test_behind_a_public_name_nothing_is_open_without_a_token(workshop: Workshop) -> None:
    response = await workshop.client.get("/metrics")
    assert response.status == 404


async def test_the_token_opens_the_door_from_anywhere(guarded: Workshop) -> None:
    headers = {"Authorization": f"Bearer {TOKEN}", "X-Forwarded-For": "203.0.113.7"}
    scraped = await samples(guarded, **headers)
    assert scraped["impasto_queue_waiting", "sdxl", "turbo"] == 3


@pytest.mark.parametrize("given", ["", "Bearer", "Bearer falsch", f"Basic {TOKEN}", "Bearer é"])
async def test_another_token_is_refused_and_the_setting_named(guarded: Workshop, given) -> None:
    response = await guarded.client.get("/metrics", headers={"Authorization": given})
    document = await response.json()
    assert (response.status, document["code"]) == (401, "unauthenticated")
    assert "IMPASTO_METRICS_TOKEN" in document["way_out"]
    assert "WWW-Authenticate" in response.headers


async def test_an_api_key_is_no_metrics_token(guarded: Workshop) -> None:
    response = await guarded.client.get("/metrics", headers=guarded.alice)
    assert response.status == 401


@pytest.mark.parametrize(
    ("host", "is_here"),
    [
        ("localhost", True),
        ("127.0.0.1", True),
        ("127.8.8.8", True),
        ("::1", True),
        ("::ffff:127.0.0.1", True),
        ("::ffff:10.0.0.1", False),
        ("10.0.0.1", False),
        ("localhost.example", False),
        (None, False),
    ],
)
def test_loopback_is_this_host(host: str | None, is_here: bool) -> None:  # noqa: FBT001 - a case
    assert is_loopback(host) is is_here
