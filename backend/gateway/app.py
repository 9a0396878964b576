"""Puts the gateway together from what it is handed; whoever runs it owns its lifetime."""

from collections.abc import Sequence
from datetime import UTC, datetime

from aiohttp import web

from backend.domain.families import ModelFamily
from backend.gateway.app_keys import CLOCK, FAMILIES, IMAGE_DOOR, PUBLIC_URL, READINESS, SERVICES
from backend.gateway.bodies import BODY_MAX_BYTES
from backend.gateway.image_door import ImageDoor
from backend.gateway.middlewares import explain_problems, harden, name_request
from backend.gateway.readiness import Check
from backend.gateway.routes import add_routes
from backend.service.ports import Clock
from backend.service.services import Services


def utc_now() -> datetime:
    """Return now, aware, in UTC."""
    return datetime.now(UTC)


def make_app(
    *,
    services: Services,
    image_door: ImageDoor | None,
    readiness: Sequence[Check],
    public_url: str,
    families: Sequence[ModelFamily],
    clock: Clock = utc_now,
) -> web.Application:
    """Build the application.

    Run it without aiohttp's own access log, which would write signed links; the middlewares log one
    line per request. `image_door` is None where pictures are served by an S3 server.
    """
    app = web.Application(
        middlewares=[name_request, explain_problems], client_max_size=BODY_MAX_BYTES
    )
    app[SERVICES] = services
    app[IMAGE_DOOR] = image_door
    app[READINESS] = tuple(readiness)
    app[FAMILIES] = tuple(families)
    app[PUBLIC_URL] = public_url.rstrip("/")
    app[CLOCK] = clock
    app.on_response_prepare.append(harden)
    add_routes(app)
    return app
