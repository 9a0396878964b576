"""Health, readiness and models."""

import asyncio
import os
import time
from dataclasses import replace
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from backend.delivery.watched_lists import WatchedLists
from backend.domain.families import ModelFamily
from backend.gateway.readiness import Check, run_checks
from safety.hash_lists import open_hash_lists
from tests.integration.gateway.workshop import Workshop, open_workshop


async def _fine() -> None:
    """Answer."""


async def _broken() -> None:
    raise ConnectionRefusedError("to 10.0.0.7")


async def test_a_living_process_says_so_whatever_else_is_broken(tmp_path: Path) -> None:
    checks = [Check(name="redis", probe=_broken)]
    async with open_workshop(objects_folder=tmp_path, readiness=checks) as opened:
        response = await opened.client.get("/healthz")
        assert response.status == 200
        assert await response.json() == {"status": "ok"}


async def test_a_gateway_is_ready_when_all_it_needs_answers(tmp_path: Path) -> None:
    checks = [Check(name="database", probe=_fine), Check(name="redis", probe=_fine)]
    async with open_workshop(objects_folder=tmp_path, readiness=checks) as opened:
        response = await opened.client.get("/readyz")
        assert response.status == 200
        assert (await response.json())["status"] == "ready"


async def test_one_silent_server_makes_a_gateway_unready_and_is_named(tmp_path: Path) -> None:
    checks = [Check(name="database", probe=_fine), Check(name="redis", probe=_broken)]
    async with open_workshop(objects_folder=tmp_path, readiness=checks) as opened:
        response = await opened.client.get("/readyz")
        assert response.status == 503
        assert await response.json() == {
            "status": "not_ready",
            "checks": {
                "database": {"ok": True, "problem": ""},
                "redis": {"ok": False, "problem": "ConnectionRefusedError"},
            },
            "list_troubles": {},
        }


async def test_a_check_that_hangs_has_failed() -> None:
    async def hang() -> None:
        await asyncio.Event().wait()

    [result] = await run_checks([Check(name="redis", probe=hang)], timeout_s=0.01)
    assert not result.is_ok
    assert result.problem == "TimeoutError"


async def test_the_models_are_the_families_served_here_and_those_that_are_live(
    workshop: Workshop,
) -> None:
    async def listed() -> dict[str, bool]:
        await workshop.services.fleet.look()
        response = await workshop.client.get("/v1/models", headers=workshop.alice)
        return {model["id"]: model["is_live"] for model in (await response.json())["data"]}

    assert await listed() == {"sdxl": True}
    workshop.presence.there = {ModelFamily.FLUX}
    assert await listed() == {"sdxl": False, "flux": True}


async def test_a_list_that_is_stale_is_told_and_a_gateway_works_on(tmp_path: Path) -> None:
    listed = tmp_path / "vetted.csv"
    listed.write_text(f"hash,id\n{'ab' * 32},entry-1\n")
    document = tmp_path / "lists.toml"
    document.write_text('[[list]]\nname = "vetted"\nkind = "file"\npath = "vetted.csv"\n')
    opened = open_hash_lists(document, cache=tmp_path)
    known = WatchedLists(open_lists=lambda: opened, patience_s=30)
    here = "http://127.0.0.1:8080"
    async with open_workshop(objects_folder=tmp_path / "objects", public_url=here) as workshop:
        moderation = replace(workshop.services.moderation, lists=known)
        object.__setattr__(workshop.services, "moderation", moderation)
        assert await lists_told(workshop) == (200, {}, 1.0)
        os.utime(listed, (time.time() - 8 * 24 * 3600,) * 2)
        assert await lists_told(workshop) == (200, {"vetted": "stale"}, 0.0)
        listed.unlink()
        assert await lists_told(workshop) == (200, {"vetted": "missing"}, 0.0)


async def lists_told(workshop: Workshop) -> tuple[int, object, float]:
    """Return what readiness and the figures say of the list."""
    ready = await workshop.client.get("/readyz")
    scraped = await (await workshop.client.get("/metrics")).text()
    [usable] = [
        sample.value
        for family in text_string_to_metric_families(scraped)
        for sample in family.samples
        if sample.name == "impasto_gateway_hash_list_usable" and sample.labels == {"list": "vetted"}
    ]
    return ready.status, (await ready.json())["list_troubles"], usable
