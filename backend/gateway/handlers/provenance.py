"""Where is this picture from? Asked by anyone, answered at once; nothing of it is kept."""

import json
from typing import Final

from aiohttp import web

from backend.domain.errors import Unavailable
from backend.domain.provenance import Provenance
from backend.gateway.app_keys import SERVICES
from backend.gateway.clients import client_of
from backend.gateway.forms import read_file
from backend.gateway.patience import within
from backend.service.provenance import CHECK_BYTES_MAX
from backend.service.provenance_telling import as_document, sentences

WITHIN_S: Final = 90.0


async def check(request: web.Request) -> web.Response:
    """Examine the picture of a form's field `file`."""
    request.app[SERVICES].provenance.must_be_welcome(f"rest:{client_of(request)}")
    try:
        found = await within(WITHIN_S, _check(request))
    except TimeoutError as error:
        raise Unavailable from error
    document = {"object": "provenance_check", **as_document(found), "said": sentences(found)}
    return web.Response(body=json.dumps(document).encode(), content_type="application/json")


async def _check(request: web.Request) -> Provenance:
    data = await read_file(request, most_bytes=CHECK_BYTES_MAX)
    return await request.app[SERVICES].provenance.check(data)
