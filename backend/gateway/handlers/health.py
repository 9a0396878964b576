"""Whether the process is alive, and whether it can work."""

from http import HTTPStatus

from aiohttp import web

from backend.gateway.app_keys import READINESS
from backend.gateway.readiness import run_checks


async def alive(request: web.Request) -> web.Response:
    """Say that the process answers; asks nobody else."""
    return web.json_response({"status": "ok"})


async def ready(request: web.Request) -> web.Response:
    """Say which of the servers this process needs answer; 503 when one does not."""
    results = await run_checks(request.app[READINESS])
    is_ready = all(result.is_ok for result in results)
    return web.json_response(
        {
            "status": "ready" if is_ready else "not_ready",
            "checks": {
                result.name: {"ok": result.is_ok, "problem": result.problem} for result in results
            },
        },
        status=HTTPStatus.OK if is_ready else HTTPStatus.SERVICE_UNAVAILABLE,
    )
