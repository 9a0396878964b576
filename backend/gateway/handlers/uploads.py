"""Take in pictures that requests may name, and tell their owner of them."""

from http import HTTPStatus
from typing import Final

from aiohttp import hdrs, web

from backend.domain.requests import Requester
from backend.domain.uploads import UPLOAD_BYTES_MAX
from backend.gateway.app_keys import SERVICES
from backend.gateway.forms import read_file
from backend.gateway.paths import upload_id_of
from backend.gateway.presentation import upload_of

WITHIN_S: Final = 90.0


async def create(request: web.Request, requester: Requester) -> web.Response:
    """Screen the picture of a form's field `file`, keep it, and answer 201 with its id."""
    upload = await request.app[SERVICES].uploads.add(
        await read_file(request, most_bytes=UPLOAD_BYTES_MAX), requester
    )
    return web.Response(
        status=HTTPStatus.CREATED,
        body=upload_of(upload).model_dump_json().encode(),
        content_type="application/json",
        headers={hdrs.LOCATION: f"/v1/uploads/{upload.id}"},
    )


async def show(request: web.Request, requester: Requester) -> web.Response:
    """Tell its owner of an upload; the picture itself is not given back."""
    upload = await request.app[SERVICES].uploads.get(upload_id_of(request), requester)
    return web.Response(
        body=upload_of(upload).model_dump_json().encode(), content_type="application/json"
    )
