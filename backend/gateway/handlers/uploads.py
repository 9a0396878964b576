"""Take in pictures that requests may name, and tell their owner of them."""

from http import HTTPStatus
from typing import Final

from aiohttp import BodyPartReader, hdrs, web

from backend.domain.requests import Requester
from backend.domain.uploads import UPLOAD_BYTES_MAX
from backend.gateway.app_keys import SERVICES
from backend.gateway.paths import upload_id_of
from backend.gateway.presentation import upload_of
from backend.gateway.problems import BadRequest

WITHIN_S: Final = 90.0
FIELD: Final = "file"
_CHUNK_BYTES: Final = 64 * 1024


async def create(request: web.Request, requester: Requester) -> web.Response:
    """Screen the picture of a form's field `file`, keep it, and answer 201 with its id."""
    upload = await request.app[SERVICES].uploads.add(await _read(request), requester)
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


async def _read(request: web.Request) -> bytes:
    """Return the bytes of the one field, no more of them than may be.

    Raises:
        BadRequest: it is no form, or has another field first.
        web.HTTPRequestEntityTooLarge: the picture has too many bytes.

    """
    if request.content_type != "multipart/form-data":
        raise BadRequest("unsupported_media", "Send the picture as multipart/form-data.")
    try:
        part = await (await request.multipart()).next()
    except ValueError as error:
        raise BadRequest("malformed_request", "The form cannot be read.") from error
    if not isinstance(part, BodyPartReader) or part.name != FIELD:
        raise BadRequest("invalid_request", f"The form has one field: {FIELD}.")
    data = bytearray()
    while chunk := await part.read_chunk(_CHUNK_BYTES):
        data += chunk
        if len(data) > UPLOAD_BYTES_MAX:
            raise web.HTTPRequestEntityTooLarge(max_size=UPLOAD_BYTES_MAX, actual_size=len(data))
    return bytes(data)
