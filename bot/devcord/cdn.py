"""Pictures of the simulated Discord: their addresses, as the bot sees them, and their bytes."""

import mimetypes

from aiohttp import web
from simcord.backend.cdn import CDN_BASE

from bot.devcord.world import World

CDN_PATH = "/cdn"


class Cdn:
    """Serves simcord's blobs and translates between its invented addresses and loopback ones."""

    def __init__(self, *, world: World, origin: str) -> None:
        self._world = world
        self._local_base = origin + CDN_PATH

    def outward(self, text: str) -> str:
        """Return JSON text with the addresses the bot can reach."""
        return text.replace(CDN_BASE, self._local_base)

    def inward(self, text: str) -> str:
        """Return JSON text with the addresses simcord knows."""
        return text.replace(self._local_base, CDN_BASE)

    async def serve(self, request: web.Request) -> web.Response:
        """Answer with one stored file."""
        blob = self._world.backend.cdn.get(f"{CDN_BASE}/{request.match_info['path']}")
        if blob is None:
            raise web.HTTPNotFound
        guessed = mimetypes.guess_type(request.match_info["path"])[0]
        return web.Response(body=blob, content_type=guessed or "application/octet-stream")
