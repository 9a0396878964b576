"""Health, readiness and models."""

import asyncio
from pathlib import Path

from backend.domain.families import ModelFamily
from backend.gateway.readiness import Check, run_checks
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
