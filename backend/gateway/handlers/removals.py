"""Asking for a picture to be removed, without an account: a page with a form, and the same as JSON.

Nothing is remembered of who asks: there is no cookie and no session, so that another page cannot
act for anybody. A form that another site sends is refused all the same.
"""

import base64
import binascii
import html
from collections.abc import Mapping
from http import HTTPStatus
from typing import Final

from aiohttp import BodyPartReader, hdrs, web
from pydantic import BaseModel, Field

from backend.domain.errors import Unavailable
from backend.domain.removals import (
    REQUEST_WORDS_MAX,
    RemovalRequest,
    RequestState,
)
from backend.gateway.app_keys import PUBLIC_URL, SERVICES
from backend.gateway.bodies import read_body
from backend.gateway.clients import client_of
from backend.gateway.forms import read_part
from backend.gateway.pages import page, refused_on_page, said
from backend.gateway.patience import within
from backend.gateway.problems import BadRequest
from backend.gateway.shapes import Incoming, Text
from backend.service.removal_requests import CONTACT_MAX

PICTURE_BYTES_MAX: Final = 10 * 1024 * 1024
# In base64, inside a body of JSON, which is bounded for all.
PICTURE_TEXT_MAX: Final = 700_000
# A signed link is long.
LINK_MAX: Final = 2_000
WITHIN_S: Final = 60.0
_FIELDS: Final = {"link": LINK_MAX, "words": REQUEST_WORDS_MAX, "contact": CONTACT_MAX, "name": 100}
_SAID: Final = {
    RequestState.OPEN: "A person looks at it.",
    RequestState.REMOVED: "It was removed everywhere.",
    RequestState.REFUSED: "A person looked at it, and it stays.",
    RequestState.NOT_FOUND: "No copy of it was found here. A moderator sees the request.",
}
_TITLE: Final = "Ask for a picture to be removed"
_FORM: Final = """
<p>No account is needed. A person answers within 48 hours. Of a picture that you attach only
its fingerprint is kept.</p>
<form method="post" action="/removal" enctype="multipart/form-data">
<p><label>Link to the picture (of this workshop or of Discord), or its id (gen_&hellip;)
<input name="link" maxlength="2000" value="{link}"></label></p>
<p><label>Or the picture itself (PNG, JPEG, WebP, AVIF or GIF; up to 10 MiB)
<input type="file" name="picture" accept="image/*"></label></p>
<p><label>What is wrong with it
<textarea name="words" maxlength="2000" rows="6">
{words}</textarea></label></p>
<p><label>How to reach you (may be empty)
<input name="contact" maxlength="200" value="{contact}"></label></p>
<p hidden><label>Leave this empty<input name="name" tabindex="-1" autocomplete="off"></label></p>
<p><button>Ask for its removal</button></p></form>"""
_AGAIN: Final = f'<p><a href="/removal">{_TITLE}</a></p>'
# What was typed into the form, for when it comes back.
_TYPED: Final[web.RequestKey[Mapping[str, str]]] = web.RequestKey("removal_typed")


class RemovalIn(Incoming):
    """A link or a picture (base64), and why."""

    link: Text = Field(default="", max_length=LINK_MAX)
    picture: Text = Field(default="", max_length=PICTURE_TEXT_MAX)
    words: Text = Field(default="", max_length=REQUEST_WORDS_MAX)
    contact: Text = Field(default="", max_length=CONTACT_MAX)


class RequestOut(BaseModel):
    """What became of a request."""

    object: str = "removal_request"
    id: str
    state: RequestState
    matches: int
    asked_at: str
    answer_by: str
    status_url: str | None = None


async def form(_request: web.Request) -> web.Response:
    """Show the form, which is the same for everybody."""
    return page(_TITLE, _filled({}))


async def submit(request: web.Request) -> web.StreamResponse:
    """Take in the form, and answer with where its state can be read.

    Whoever is refused reads a sentence, and has the form again, as they filled it in.
    """
    return await refused_on_page(_submit, title=_TITLE, below=_form_again)(request)


async def state(request: web.Request) -> web.StreamResponse:
    """Show what became of a request to whoever has its link."""
    return await refused_on_page(_state, title="Your request", below=lambda _: _AGAIN)(request)


async def _submit(request: web.Request) -> web.Response:
    _must_be_our_form(request)
    request.app[SERVICES].moderation.requests.must_be_welcome(f"removal:{client_of(request)}")
    try:
        fields, picture = await within(WITHIN_S, _read_form(request))
    except TimeoutError as error:
        raise Unavailable from error
    request[_TYPED] = fields
    return await _answer(request, fields, picture)


def _form_again(request: web.Request) -> str:
    return _filled(request.get(_TYPED, {}))


def _filled(fields: Mapping[str, str]) -> str:
    names = ("link", "words", "contact")
    return _FORM.format_map({name: html.escape(fields.get(name, "")) for name in names})


async def _answer(request: web.Request, fields: Mapping[str, str], picture: bytes) -> web.Response:
    if fields.get("name"):
        # Only a machine fills in what nobody sees; it is told what everybody is told.
        return page("Thank you", "<p>A person looks at it.</p>")
    asked, secret = await request.app[SERVICES].moderation.requests.ask(
        picture=picture,
        link=fields.get("link", ""),
        words=fields.get("words", ""),
        contact=fields.get("contact", ""),
    )
    return web.Response(
        status=HTTPStatus.SEE_OTHER, headers={hdrs.LOCATION: f"/removal/{secret}"}, text=asked.id
    )


async def _state(request: web.Request) -> web.Response:
    requests = request.app[SERVICES].moderation.requests
    asked, found = await requests.status(request.match_info["secret"])
    told = (
        f"{said(_SAID[found])}<p>Asked {asked.at:%Y-%m-%d %H:%M} UTC, "
        f"answered by {asked.due_at:%Y-%m-%d %H:%M} UTC. "
        f"Pictures that match: {asked.matches}.</p>"
        f"<p>Keep this page's address; it is the only way back to it.</p>"
        f"<p class='id'>{html.escape(asked.id)}</p>"
    )
    return page("Your request", told)


async def create(request: web.Request) -> web.Response:
    """Take in a request as JSON."""
    requests = request.app[SERVICES].moderation.requests
    requests.must_be_welcome(f"removal:{client_of(request)}")
    body = await read_body(request, RemovalIn)
    asked, secret = await requests.ask(
        picture=_decoded(body.picture), link=body.link, words=body.words, contact=body.contact
    )
    _, found = await requests.status(secret)
    url = f"{request.app[PUBLIC_URL]}/removal/{secret}"
    return _json(_out(asked, found, status_url=url), status=HTTPStatus.CREATED)


async def show(request: web.Request) -> web.Response:
    """Tell what became of a request to whoever has its secret."""
    requests = request.app[SERVICES].moderation.requests
    asked, found = await requests.status(request.match_info["secret"])
    return _json(_out(asked, found))


def _out(
    asked: RemovalRequest, found: RequestState, *, status_url: str | None = None
) -> RequestOut:
    return RequestOut(
        id=asked.id,
        state=found,
        matches=asked.matches,
        asked_at=asked.at.isoformat(),
        answer_by=asked.due_at.isoformat(),
        status_url=status_url,
    )


def _json(out: RequestOut, *, status: int = HTTPStatus.OK) -> web.Response:
    body = out.model_dump_json(exclude_none=True).encode()
    return web.Response(status=status, body=body, content_type="application/json")


def _must_be_our_form(request: web.Request) -> None:
    """Refuse a form that another site's page sends.

    Raises:
        BadRequest: it says so itself.

    """
    site = request.headers.get("Sec-Fetch-Site", "same-origin")
    if site not in ("same-origin", "none"):
        raise BadRequest("malformed_request", "Another site sent this. Fill in the form here.")


async def _read_form(request: web.Request) -> tuple[dict[str, str], bytes]:
    """Read the fields of the form, no more of them than may be.

    Raises:
        BadRequest: it is no form of ours.
        web.HTTPRequestEntityTooLarge: the picture has too many bytes.

    """
    if request.content_type != "multipart/form-data":
        raise BadRequest("unsupported_media", "Send the form as multipart/form-data.")
    fields: dict[str, str] = {}
    picture = b""
    try:
        async for part in await request.multipart():
            if not isinstance(part, BodyPartReader) or part.name not in {*_FIELDS, "picture"}:
                raise BadRequest("invalid_request", "The form has other fields.")
            if part.name == "picture":
                picture = await read_part(part, most_bytes=PICTURE_BYTES_MAX)
            else:
                most = 4 * _FIELDS[part.name]
                text = (await read_part(part, most_bytes=most)).decode(errors="replace")
                fields[part.name] = text.replace("\0", "")
    except ValueError as error:
        raise BadRequest("malformed_request", "The form cannot be read.") from error
    return fields, picture


def _decoded(picture: str) -> bytes:
    try:
        return base64.b64decode(picture, validate=True)
    except binascii.Error as error:
        raise BadRequest("invalid_request", "The picture is no base64.") from error
