"""Pages for people without an account: one frame for all, and refusals as sentences on them."""

import html
from http import HTTPStatus
from typing import Final

from aiohttp import hdrs, web

from backend.domain.errors import ImpastoError
from backend.gateway.auth import Handler
from backend.gateway.middlewares import problem_of
from backend.gateway.problems import BadRequest

_PAGE: Final = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<meta name="viewport" content="width=device-width"></head>
<body><h1>{title}</h1>{body}</body></html>"""


def page(title: str, body: str, *, status: int = HTTPStatus.OK) -> web.Response:
    """Return a page; `body` is HTML, the title is text."""
    return web.Response(
        status=status,
        text=_PAGE.format(title=html.escape(title), body=body),
        content_type="text/html",
        headers={
            "Content-Security-Policy": (
                "default-src 'none'; form-action 'self'; frame-ancestors 'none'"
            )
        },
    )


def refused_on_page(handler: Handler, *, title: str, below: str = "") -> Handler:
    """Wrap a handler so that whoever is refused reads why, and what is `below`, on a page."""

    async def answer(request: web.Request) -> web.StreamResponse:
        try:
            return await handler(request)
        except (ImpastoError, BadRequest, web.HTTPException) as error:
            if isinstance(error, web.HTTPException) and error.status < HTTPStatus.BAD_REQUEST:
                raise
            problem = problem_of(error, request)
            said = html.escape(f"{problem.detail} {problem.way_out}".strip())
            shown = page(
                title, f"<p><strong>{said}</strong></p>{below}", status=problem.kind.status
            )
            if problem.kind.retry_after_s is not None:
                shown.headers[hdrs.RETRY_AFTER] = str(problem.kind.retry_after_s)
            return shown

    answer.__name__ = handler.__name__
    return answer
