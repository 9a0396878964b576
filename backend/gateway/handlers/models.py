"""What can be drawn with here."""

from aiohttp import web

from backend.domain.families import FAMILY_SAMPLERS
from backend.domain.requests import Requester
from backend.gateway.app_keys import SERVICES


async def list_models(request: web.Request, requester: Requester) -> web.Response:
    """List the families that may be asked for, with their samplers and whether one draws now."""
    del requester
    fleet = request.app[SERVICES].fleet
    live = fleet.live()
    return web.json_response(
        {
            "object": "list",
            "data": [
                {
                    "id": family,
                    "object": "model",
                    "owned_by": "impasto",
                    "type": "base",
                    "family": family,
                    "samplers": list(FAMILY_SAMPLERS[family]),
                    "is_live": family in live,
                }
                for family in fleet.offered()
            ],
        }
    )
