"""Whether the process is alive, and whether it can work."""

from http import HTTPStatus

from aiohttp import web

from backend.gateway.app_keys import READINESS, SERVICES
from backend.gateway.readiness import run_checks


async def alive(request: web.Request) -> web.Response:
    """Say that the process answers; asks nobody else."""
    return web.json_response({"status": "ok"})


async def ready(request: web.Request) -> web.Response:
    """Say which of the servers this process needs answer; 503 when one does not.

    Lists of known pictures that cannot be relied on are told, and do not make it unready: no
    picture is taken in then, and all else works.
    """
    states = await request.app[SERVICES].moderation.lists.states()
    results = await run_checks(request.app[READINESS])
    is_ready = all(result.is_ok for result in results)
    return web.json_response(
        {
            "status": "ready" if is_ready else "not_ready",
            "checks": {
                result.name: {"ok": result.is_ok, "problem": result.problem} for result in results
            },
            "list_troubles": {name: trouble for name, trouble in states.items() if trouble},
        },
        status=HTTPStatus.OK if is_ready else HTTPStatus.SERVICE_UNAVAILABLE,
    )
