"""The typed keys under which handlers find what they were given."""

from collections.abc import Sequence
from typing import Final

from aiohttp import web

from backend.gateway.image_door import ImageDoor
from backend.gateway.metrics_door import MetricsDoor
from backend.gateway.readiness import Check
from backend.service.ports import Clock
from backend.service.services import Services

SERVICES: Final = web.AppKey("services", Services)
IMAGE_DOOR: Final[web.AppKey[ImageDoor | None]] = web.AppKey("image_door")
METRICS_DOOR: Final = web.AppKey("metrics_door", MetricsDoor)
READINESS: Final[web.AppKey[Sequence[Check]]] = web.AppKey("readiness")
PUBLIC_URL: Final = web.AppKey("public_url", str)
CLOCK: Final[web.AppKey[Clock]] = web.AppKey("clock")
