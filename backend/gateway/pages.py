"""Pages for people without an account: one frame for all, and refusals as sentences on them."""

import base64
import hashlib
import html
from collections.abc import Callable
from http import HTTPStatus
from typing import Final

from aiohttp import hdrs, web

from backend.domain.errors import ImpastoError
from backend.gateway.auth import Handler
from backend.gateway.middlewares import problem_of
from backend.gateway.problems import BadRequest

# Bright or dark as its reader likes it, and on a screen of any width.
_STYLE: Final = """
:root{color-scheme:light dark}
body{font:1rem/1.5 system-ui,sans-serif;max-width:38rem;margin:0 auto;padding:1.5rem 1rem}
h1{font-size:1.5rem;line-height:1.25}
label{display:block;font-weight:600}
input,textarea{box-sizing:border-box;width:100%;font:inherit;font-weight:400;
margin-top:.25rem;padding:.5rem}
button{font:inherit;padding:.6rem 1.25rem}
.said{border-left:.25rem solid;padding-left:.75rem;font-weight:600}
.id{font-size:.875rem;overflow-wrap:anywhere}
"""
_STYLE_DIGEST: Final = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_PAGE: Final = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>{style}</style></head>
<body><h1>{title}</h1>{body}</body></html>"""


def page(title: str, body: str, *, status: int = HTTPStatus.OK) -> web.Response:
    """Return a page; `body` is HTML, the title is text."""
    return web.Response(
        status=status,
        text=_PAGE.format(title=html.escape(title), style=_STYLE, body=body),
        content_type="text/html",
        headers={
            "Content-Security-Policy": (
                f"default-src 'none'; style-src 'sha256-{_STYLE_DIGEST}'; "
                "form-action 'self'; frame-ancestors 'none'"
            )
        },
    )


def said(sentence: str) -> str:
    """Return the HTML of what a page has to say first."""
    return f'<p class="said" role="alert">{html.escape(sentence)}</p>'


def refused_on_page(
    handler: Handler, *, title: str, below: Callable[[web.Request], str]
) -> Handler:
    """Wrap a handler so that whoever is refused reads why, and what is `below`, on a page."""

    async def answer(request: web.Request) -> web.StreamResponse:
        try:
            return await handler(request)
        except (ImpastoError, BadRequest, web.HTTPException) as error:
            if isinstance(error, web.HTTPException) and error.status < HTTPStatus.BAD_REQUEST:
                raise
            problem = problem_of(error, request)
            told = said(f"{problem.detail} {problem.way_out}".strip())
            shown = page(title, told + below(request), status=problem.kind.status)
            if problem.kind.retry_after_s is not None:
                shown.headers[hdrs.RETRY_AFTER] = str(problem.kind.retry_after_s)
            return shown

    answer.__name__ = handler.__name__
    return answer
