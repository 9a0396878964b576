"""What every request passes through: an id, one line of log, and refusals as problem documents.

`PROBLEMS` gives every error code its status and title; the tests want a row for every code.
"""

import re
import secrets
import time
from collections.abc import Mapping
from http import HTTPStatus as Status
from typing import Final

import structlog
from aiohttp import hdrs, web

from backend.domain.errors import BadInput, ImpastoError, NoLiveWorker, Unauthenticated
from backend.gateway.app_keys import PUBLIC_URL
from backend.gateway.auth import Handler
from backend.gateway.problems import (
    PROBLEM_MEMBERS,
    BadRequest,
    Problem,
    ProblemKind,
    problem_response,
)

REQUEST_ID_HEADER: Final = "X-Request-Id"
REQUEST_ID: Final = web.RequestKey("request_id", str)
_REQUEST_ID_PATTERN: Final = re.compile(r"[A-Za-z0-9._-]{1,128}")
_log = structlog.get_logger()


def _row(status: Status, title: str, retry_after_s: int | None = None) -> ProblemKind:
    return ProblemKind(status=status, title=title, retry_after_s=retry_after_s)


_WRONG: Final = Status.UNPROCESSABLE_ENTITY
# A code never changes once shipped; neither does its status.
PROBLEMS: Final[dict[str, ProblemKind]] = {
    "error": _row(Status.BAD_REQUEST, "Refused"),
    "bad_input": _row(_WRONG, "Invalid request"),
    "prompt_empty": _row(_WRONG, "Empty prompt"),
    "prompt_too_long": _row(_WRONG, "Prompt too long"),
    "prompt_too_deep": _row(_WRONG, "Too many brackets"),
    "too_many_permutations": _row(_WRONG, "Too many permutations"),
    "bracket_unbalanced": _row(_WRONG, "Bracket never closed"),
    "weight_out_of_range": _row(_WRONG, "Weight out of range"),
    "quote_unclosed": _row(_WRONG, "Quotation mark never closed"),
    "parameter_not_supported": _row(_WRONG, "Parameter not supported"),
    "invalid_option": _row(_WRONG, "Invalid option"),
    "unknown_parameter": _row(_WRONG, "Unknown parameter"),
    "invalid_parameter": _row(_WRONG, "Invalid parameter"),
    "invalid_aspect_ratio": _row(_WRONG, "Invalid aspect ratio"),
    "seed_out_of_range": _row(_WRONG, "Seed out of range"),
    "steps_out_of_range": _row(_WRONG, "Steps out of range"),
    "image_count_out_of_range": _row(_WRONG, "Image count out of range"),
    "sampler_not_supported": _row(_WRONG, "Sampler not supported"),
    "tiling_not_supported": _row(_WRONG, "Seamless tiles not supported"),
    "image_prompts_not_supported": _row(_WRONG, "Image prompts not supported"),
    "picture_invalid": _row(_WRONG, "Not a usable picture"),
    "picture_link_invalid": _row(_WRONG, "Link not followed"),
    "picture_link_unreachable": _row(_WRONG, "No picture behind this link"),
    "picture_too_large": _row(_WRONG, "Picture too large"),
    "picture_operation_invalid": _row(_WRONG, "Cannot be done to a picture"),
    "invalid_lora": _row(_WRONG, "Invalid LoRA"),
    "too_many_loras": _row(_WRONG, "Too many LoRAs"),
    "recipe_incomplete": _row(_WRONG, "Recipe lacks a picture"),
    "refused": _row(Status.BAD_REQUEST, "Refused"),
    "picture_blocked": _row(Status.BAD_REQUEST, "Picture held back"),
    "prompt_blocked": _row(Status.BAD_REQUEST, "Prompt held back"),
    "review_not_releasable": _row(Status.FORBIDDEN, "Not releasable"),
    "not_allowed": _row(Status.FORBIDDEN, "Not allowed"),
    "unauthenticated": _row(Status.UNAUTHORIZED, "API key needed"),
    "not_yours": _row(Status.FORBIDDEN, "Not yours"),
    "moderators_only": _row(Status.FORBIDDEN, "Moderators only"),
    "guild_managers_only": _row(Status.FORBIDDEN, "Guild managers only"),
    "link_refused": _row(Status.FORBIDDEN, "Link refused"),
    "not_there": _row(Status.NOT_FOUND, "Not found"),
    "job_not_found": _row(Status.NOT_FOUND, "No such generation"),
    "image_not_found": _row(Status.NOT_FOUND, "No such picture"),
    "upload_not_found": _row(_WRONG, "No such upload"),
    "review_not_found": _row(Status.NOT_FOUND, "No such review"),
    "recipe_not_found": _row(Status.NOT_FOUND, "No recipe"),
    # Names a value in the body, not the resource asked for: 404 would read as a wrong URL.
    "family_unavailable": _row(_WRONG, "Family not served here"),
    "no_live_worker": _row(Status.SERVICE_UNAVAILABLE, "No worker for this family", 30),
    "over_limit": _row(Status.TOO_MANY_REQUESTS, "Over a limit", 10),
    "too_many_uploads": _row(Status.TOO_MANY_REQUESTS, "Too many uploads", 60),
    "too_many_checks": _row(Status.TOO_MANY_REQUESTS, "Too many checks", 15),
    "too_many_waiting": _row(Status.TOO_MANY_REQUESTS, "Too many waiting", 10),
    "conflict": _row(Status.CONFLICT, "Conflict"),
    "job_finished": _row(Status.CONFLICT, "Already ended"),
    "job_not_delivered": _row(Status.CONFLICT, "No pictures yet", 2),
    "idempotency_mismatch": _row(_WRONG, "Idempotency key used before"),
    "account_suspended": _row(Status.FORBIDDEN, "Account suspended"),
    "account_muted": _row(Status.FORBIDDEN, "Account muted"),
    "account_banned": _row(Status.FORBIDDEN, "Account banned"),
    "account_frozen": _row(Status.FORBIDDEN, "Account suspended"),
    "moderation_refused": _row(Status.CONFLICT, "Cannot be done"),
    "appeal_impossible": _row(Status.CONFLICT, "Nothing to appeal against"),
    "appeal_repeated": _row(Status.CONFLICT, "Appealed before"),
    "report_repeated": _row(Status.CONFLICT, "Reported before"),
    "too_many_reports": _row(Status.TOO_MANY_REQUESTS, "Too many reports", 3600),
    "removal_request_empty": _row(_WRONG, "No picture named"),
    "removal_request_not_found": _row(Status.NOT_FOUND, "No such request"),
    "safety_report_not_found": _row(Status.NOT_FOUND, "No such report"),
    "too_many_requests": _row(Status.TOO_MANY_REQUESTS, "Too many requests", 600),
    "own_case": _row(Status.FORBIDDEN, "About yourself"),
    "decision_impossible": _row(Status.CONFLICT, "Decision does not fit"),
    "not_translated": _row(Status.SERVICE_UNAVAILABLE, "Not translated", 30),
    "unavailable": _row(Status.SERVICE_UNAVAILABLE, "Temporarily unavailable", 30),
}
# Refusals of HTTP itself, before the domain hears of the request.
HTTP_PROBLEMS: Final[dict[str, ProblemKind]] = {
    "malformed_request": _row(Status.BAD_REQUEST, "Malformed request"),
    "invalid_request": _row(_WRONG, "Invalid request"),
    "not_found": _row(Status.NOT_FOUND, "Not found"),
    "method_not_allowed": _row(Status.METHOD_NOT_ALLOWED, "Method not allowed"),
    "payload_too_large": _row(Status.REQUEST_ENTITY_TOO_LARGE, "Too large"),
    "unsupported_media": _row(Status.UNSUPPORTED_MEDIA_TYPE, "Unsupported media type"),
    "internal": _row(Status.INTERNAL_SERVER_ERROR, "Internal error"),
}
_SENTENCES: Final = {
    "not_found": "There is nothing at this address.",
    "method_not_allowed": "This address takes other methods.",
    "payload_too_large": "This is larger than what is taken in here.",
}
_CODE_OF_STATUS: Final = {int(kind.status): code for code, kind in HTTP_PROBLEMS.items()}


@web.middleware
async def name_request(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Give the request an id, taken from the caller where it is harmless, and log how it ended."""
    given = request.headers.get(REQUEST_ID_HEADER, "")
    is_harmless = _REQUEST_ID_PATTERN.fullmatch(given) is not None
    request[REQUEST_ID] = given if is_harmless else "req_" + secrets.token_hex(8)
    started = time.monotonic()
    with structlog.contextvars.bound_contextvars(request_id=request[REQUEST_ID]):
        response = await handler(request)
        _log.info(
            "request",
            method=request.method,
            route=_route_of(request),
            status=response.status,
            duration_ms=round(1000 * (time.monotonic() - started), 1),
        )
        return response


@web.middleware
async def explain_problems(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn whatever a handler refuses, and what it breaks on, into a problem document."""
    try:
        return await handler(request)
    except (ImpastoError, BadRequest, web.HTTPException) as error:
        if isinstance(error, web.HTTPException) and error.status < Status.BAD_REQUEST:
            raise
        problem = problem_of(error, request)
    except Exception:  # noqa: BLE001 - the edge of a request: what breaks here is logged and told
        _log.exception("request_broke", route=_route_of(request))
        problem = Problem(
            code="internal",
            kind=HTTP_PROBLEMS["internal"],
            detail="Something broke on our side.",
            way_out="Try again; if it stays, tell the operator this request's id.",
        )
    return problem_response(
        problem,
        public_url=request.app[PUBLIC_URL],
        instance=request.path,
        request_id=request[REQUEST_ID],
    )


def problem_of(
    error: ImpastoError | BadRequest | web.HTTPException, request: web.Request
) -> Problem:
    """Return what a refusal looks like, on whatever wire or page."""
    if isinstance(error, ImpastoError):
        return _of_domain(error, request.get(PROBLEM_MEMBERS, {}))
    if isinstance(error, BadRequest):
        kind = HTTP_PROBLEMS[error.code]
        return Problem(code=error.code, kind=kind, detail=error.detail, errors=error.errors)
    return _of_http(error)


def _of_domain(error: ImpastoError, members: Mapping[str, object]) -> Problem:
    headers: dict[str, str] = {}
    if isinstance(error, Unauthenticated):
        headers[hdrs.WWW_AUTHENTICATE] = 'Bearer realm="impasto"'
    if isinstance(error, BadInput) and error.position is not None:
        members = {**members, "position": error.position, "caret": error.caret}
    if isinstance(error, NoLiveWorker):
        members = {**members, "live_families": list(error.live)}
    return Problem(
        code=error.code,
        kind=PROBLEMS[error.code],
        detail=error.message,
        way_out=error.way_out,
        members=members,
        headers=headers,
    )


def _of_http(error: web.HTTPException) -> Problem:
    code = _CODE_OF_STATUS.get(error.status, "malformed_request")
    kind = HTTP_PROBLEMS[code]
    headers: dict[str, str] = {}
    if allowed := error.headers.get(hdrs.ALLOW):
        headers[hdrs.ALLOW] = allowed
    detail = _SENTENCES.get(code, f"{error.reason}.")
    return Problem(code=code, kind=kind, detail=detail, headers=headers)


def _route_of(request: web.Request) -> str:
    """Return the route's template: a path could hold a picture's key, a query its signature."""
    resource = request.match_info.route.resource
    return resource.canonical if resource else ""


async def harden(request: web.Request, response: web.StreamResponse) -> None:
    """Put the request's id and the security headers on a response about to be sent."""
    headers = response.headers
    if request_id := request.get(REQUEST_ID):
        headers[REQUEST_ID_HEADER] = request_id
    headers.setdefault("X-Content-Type-Options", "nosniff")
    headers.setdefault("X-Frame-Options", "DENY")
    headers.setdefault("Referrer-Policy", "no-referrer")
    headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
    headers.setdefault("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
    headers.setdefault(hdrs.CACHE_CONTROL, "no-store")
    if request.app[PUBLIC_URL].startswith("https://"):
        headers.setdefault("Strict-Transport-Security", "max-age=31536000")
    headers[hdrs.SERVER] = "impasto"
