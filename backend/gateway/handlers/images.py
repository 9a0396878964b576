"""Pictures: the owner's way to a signed link, and the local store's answer to one."""

import hashlib
from http import HTTPStatus

from aiohttp import hdrs, web

from backend.domain.errors import ImageNotFound
from backend.domain.requests import Requester
from backend.gateway.app_keys import IMAGE_DOOR, SERVICES
from backend.gateway.bodies import read_query
from backend.gateway.paths import image_index_of, job_id_of
from backend.gateway.picture_formats import VARIANTS, negotiate
from backend.gateway.schemas import ImageQuery
from backend.service.generations import image_of


async def redirect(request: web.Request, requester: Requester) -> web.Response:
    """Send the owner of a picture to a fresh signed link of one of its files."""
    query = read_query(request, ImageQuery)
    generations = request.app[SERVICES].generations
    view = await generations.view(job_id_of(request), requester)
    image = image_of(view.job, image_index_of(request))
    variant = query.variant or (VARIANTS[query.format] if query.format else None)
    if variant is None:
        variant = negotiate(request.headers.get(hdrs.ACCEPT, ""), image.keys)
    if variant not in image.keys:
        raise ImageNotFound
    url = await generations.link(image, variant)
    return web.Response(
        status=HTTPStatus.FOUND,
        headers={
            hdrs.LOCATION: url,
            hdrs.CACHE_CONTROL: "private, no-store",
            hdrs.VARY: hdrs.ACCEPT,
        },
    )


async def serve(request: web.Request) -> web.Response:
    """Serve an object of the local store to whoever holds a valid link."""
    door = request.app[IMAGE_DOOR]
    if door is None:
        raise ImageNotFound
    data, content_type = await door.open(request.match_info["key"], request.query)
    etag = f'"{hashlib.sha256(data).hexdigest()}"'
    headers = {
        hdrs.ETAG: etag,
        # Keys name their content, so the bytes behind a link never change.
        hdrs.CACHE_CONTROL: "private, max-age=3600, immutable",
        hdrs.CONTENT_DISPOSITION: "inline",
        "Content-Security-Policy": "default-src 'none'; sandbox",
        # A page that was handed a signed link may show the picture.
        "Cross-Origin-Resource-Policy": "cross-origin",
    }
    if etag in request.headers.get(hdrs.IF_NONE_MATCH, ""):
        return web.Response(status=HTTPStatus.NOT_MODIFIED, headers=headers)
    return web.Response(body=data, content_type=content_type, headers=headers)
