"""Puts the gateway together from what it is handed; whoever runs it owns its lifetime."""

import logging
from collections.abc import Sequence
from datetime import UTC, datetime
from ipaddress import IPv4Network, IPv6Network

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from backend.gateway.app_keys import (
    CLOCK,
    IMAGE_DOOR,
    METRICS_DOOR,
    PUBLIC_URL,
    READINESS,
    SERVICES,
)
from backend.gateway.bodies import BODY_MAX_BYTES
from backend.gateway.clients import TRUSTED_PROXIES
from backend.gateway.image_door import ImageDoor
from backend.gateway.metrics_door import MetricsDoor
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
    metrics_door: MetricsDoor,
    readiness: Sequence[Check],
    public_url: str,
    trusted_proxies: Sequence[IPv4Network | IPv6Network] = (),
    clock: Clock = utc_now,
) -> web.Application:
    """Build the application.

    Run it by `make_runner`. `image_door` is None where pictures are served by an S3 server;
    `trusted_proxies` are believed when they say for whom they ask.
    """
    app = web.Application(
        middlewares=[name_request, explain_problems], client_max_size=BODY_MAX_BYTES
    )
    app[SERVICES] = services
    app[IMAGE_DOOR] = image_door
    app[METRICS_DOOR] = metrics_door
    app[READINESS] = tuple(readiness)
    app[PUBLIC_URL] = public_url.rstrip("/")
    app[TRUSTED_PROXIES] = tuple(trusted_proxies)
    app[CLOCK] = clock
    app.on_response_prepare.append(harden)
    add_routes(app)
    return app


def make_runner(app: web.Application) -> web.AppRunner:
    """Make what serves the application, without the logs in which aiohttp would write secrets.

    Its access log writes signed links; the middlewares log one line per request. Its error log
    quotes the line of a request that is no HTTP, which may be the one with the key.
    """
    logger = logging.getLogger(f"{__name__}.http")
    logger.addFilter(_without_quotes)
    return web.AppRunner(app, access_log=None, logger=logger)


def _without_quotes(record: logging.LogRecord) -> bool:
    if record.exc_info and isinstance(record.exc_info[1], HttpProcessingError):
        record.exc_info = None
    return True
