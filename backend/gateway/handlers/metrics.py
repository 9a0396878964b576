"""What Prometheus scrapes."""

from aiohttp import hdrs, web

from backend.gateway.app_keys import METRICS_DOOR, SERVICES
from backend.gateway.exposition import expose


async def scrape(request: web.Request) -> web.Response:
    """Show the figures of all lines as they were told last."""
    board = await request.app[METRICS_DOOR].open(request)
    lists = await request.app[SERVICES].moderation.lists.states()
    accept = request.headers.get(hdrs.ACCEPT, "")
    body, content_type = expose(board, lists, accept=accept)
    return web.Response(body=body, headers={hdrs.CONTENT_TYPE: content_type})
