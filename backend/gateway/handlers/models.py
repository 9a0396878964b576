"""What can be drawn with here."""

from aiohttp import web

from backend.domain.families import FAMILY_SAMPLERS
from backend.domain.requests import Requester
from backend.gateway.app_keys import FAMILIES


async def list_models(request: web.Request, requester: Requester) -> web.Response:
    """List the families this installation serves and the samplers of each."""
    del requester
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
                }
                for family in request.app[FAMILIES]
            ],
        }
    )
