"""Reads JSON bodies and the headers that go with them; what does not fit is told field by field."""

import re
from collections.abc import Iterable
from typing import Final, TypeVar

from aiohttp import hdrs, web
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from backend.gateway.problems import BadRequest, FieldError

BODY_MAX_BYTES: Final = 64 * 1024
IDEMPOTENCY_KEY_HEADER: Final = "Idempotency-Key"
IDEMPOTENCY_KEY_MAX_CHARACTERS: Final = 255
ERRORS_MAX = 20
_QUOTED: Final = re.compile(r'"((?:[^"\\]|\\["\\])*)"')

ModelT = TypeVar("ModelT", bound=BaseModel)


async def read_body(request: web.Request, model: type[ModelT]) -> ModelT:
    """Parse the request's JSON body.

    Raises:
        BadRequest: it is not JSON, or not of this shape.
        web.HTTPRequestEntityTooLarge: it has more bytes than are read.

    """
    if request.content_type != "application/json":
        raise BadRequest("unsupported_media", "Send the body as application/json.")
    if hdrs.CONTENT_ENCODING in request.headers:
        raise BadRequest("unsupported_media", "Send the body without a Content-Encoding.")
    raw = await request.read()
    try:
        return model.model_validate_json(raw)
    except ValidationError as error:
        raise _explain(error, model) from None


def read_query(request: web.Request, model: type[ModelT]) -> ModelT:
    """Parse the request's query parameters.

    Raises:
        BadRequest: a parameter is unknown, given twice or of the wrong shape.

    """
    pairs = list(request.query.items())
    values = dict(pairs)
    if len(values) != len(pairs):
        raise BadRequest("invalid_request", "A query parameter was given twice.")
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise _explain(error, model) from None


def idempotency_key_of(request: web.Request) -> str | None:
    """Return the Idempotency-Key, bare or as a quoted structured-field string.

    Raises:
        BadRequest: it was given twice, is empty, too long or not printable ASCII.

    """
    given = request.headers.getall(IDEMPOTENCY_KEY_HEADER, [])
    if not given:
        return None
    key = given[0].strip()
    if quoted := _QUOTED.fullmatch(key):
        key = re.sub(r"\\(.)", r"\1", quoted[1])
    is_printable = key.isascii() and key.isprintable()
    if len(given) > 1 or not is_printable or not 0 < len(key) <= IDEMPOTENCY_KEY_MAX_CHARACTERS:
        raise BadRequest(
            "malformed_request",
            f"{IDEMPOTENCY_KEY_HEADER} is one value of 1 to {IDEMPOTENCY_KEY_MAX_CHARACTERS} "
            "printable ASCII characters.",
        )
    return key


def _explain(error: ValidationError, model: type[BaseModel]) -> BadRequest:
    details = error.errors(include_url=False, include_input=False, include_context=False)
    errors = tuple(
        FieldError(pointer=_pointer(each["loc"]), detail=_detail(each, model), code=each["type"])
        for each in details[:ERRORS_MAX]
    )
    if any(each["type"] == "json_invalid" for each in details):
        return BadRequest("malformed_request", "The body is not valid JSON.", errors=errors)
    return BadRequest("invalid_request", "The request does not have this shape.", errors=errors)


def _detail(error: ErrorDetails, model: type[BaseModel]) -> str:
    if error["type"] != "extra_forbidden":
        return error["msg"]
    if len(error["loc"]) > 1:
        return "There is no such field here"
    return f"There is no such field; known: {', '.join(model.model_fields)}"


def _pointer(location: Iterable[int | str]) -> str:
    parts = (str(part)[:64].replace("~", "~0").replace("/", "~1") for part in location)
    return "".join(f"/{part}" for part in parts)
