"""Answers that are JSON documents."""

import json
from collections.abc import Mapping
from http import HTTPStatus

from aiohttp import web


def json_answer(
    document: Mapping[str, object], *, status: HTTPStatus = HTTPStatus.OK
) -> web.Response:
    """Answer with a document, its words as they are: in UTF-8, not escaped."""
    body = json.dumps(document, ensure_ascii=False).encode()
    return web.Response(status=status, body=body, content_type="application/json")
