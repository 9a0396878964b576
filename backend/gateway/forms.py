"""Reads forms, no more of them than may be."""

from typing import Final

from aiohttp import BodyPartReader, web

from backend.gateway.problems import BadRequest

FIELD: Final = "file"
_CHUNK_BYTES: Final = 64 * 1024


async def read_file(request: web.Request, *, most_bytes: int) -> bytes:
    """Return the bytes of the form's one field, `file`.

    Raises:
        BadRequest: it is no form, or has another field first.
        web.HTTPRequestEntityTooLarge: the file has too many bytes.

    """
    if request.content_type != "multipart/form-data":
        raise BadRequest("unsupported_media", "Send the picture as multipart/form-data.")
    try:
        part = await (await request.multipart()).next()
    except ValueError as error:
        raise BadRequest("malformed_request", "The form cannot be read.") from error
    if not isinstance(part, BodyPartReader) or part.name != FIELD:
        raise BadRequest("invalid_request", f"The form has one field: {FIELD}.")
    return await read_part(part, most_bytes=most_bytes)


async def read_part(part: BodyPartReader, *, most_bytes: int) -> bytes:
    """Return the bytes of one field.

    Raises:
        web.HTTPRequestEntityTooLarge: it has too many.

    """
    data = bytearray()
    while chunk := await part.read_chunk(_CHUNK_BYTES):
        data += chunk
        if len(data) > most_bytes:
            raise web.HTTPRequestEntityTooLarge(max_size=most_bytes, actual_size=len(data))
    return bytes(data)
