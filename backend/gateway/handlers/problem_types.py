"""What the `type` URL of a problem document leads to."""

from aiohttp import web

from backend.gateway.middlewares import HTTP_PROBLEMS, PROBLEMS


async def explain(request: web.Request) -> web.Response:
    """Tell the code, status and title of a kind of problem."""
    code = request.match_info["slug"].replace("-", "_")
    kind = PROBLEMS.get(code) or HTTP_PROBLEMS.get(code)
    if kind is None:
        raise web.HTTPNotFound
    return web.json_response({"code": code, "status": int(kind.status), "title": kind.title})
