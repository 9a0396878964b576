"""Problem documents (RFC 9457): what a refusal looks like on the wire."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Final

from aiohttp import web

PROBLEM_CONTENT_TYPE: Final = "application/problem+json"
# What a handler adds to the document of a domain error it is about to raise.
PROBLEM_MEMBERS: Final[web.RequestKey[Mapping[str, object]]] = web.RequestKey("problem_members")


@dataclass(frozen=True, kw_only=True)
class ProblemKind:
    """One row of the table: the status and title of a code, and when to come back (seconds)."""

    status: HTTPStatus
    title: str
    retry_after_s: int | None = None


@dataclass(frozen=True, kw_only=True)
class FieldError:
    """What is wrong with one field; `pointer` is a JSON pointer into the body."""

    pointer: str
    detail: str
    code: str


class BadRequest(Exception):
    """A request wrong as HTTP or as JSON, found before it means anything to the domain."""

    def __init__(self, code: str, detail: str, *, errors: tuple[FieldError, ...] = ()) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.errors = errors


@dataclass(frozen=True, kw_only=True)
class Problem:
    """A refusal in full; `members` are extension members of its own."""

    code: str
    kind: ProblemKind
    detail: str
    way_out: str = ""
    errors: tuple[FieldError, ...] = ()
    members: Mapping[str, object] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)


def slug_of(code: str) -> str:
    """Spell a code the way it appears in a problem's type URL."""
    return code.replace("_", "-")


def problem_response(
    problem: Problem, *, public_url: str, instance: str, request_id: str
) -> web.Response:
    """Render a problem."""
    document: dict[str, object] = {
        "type": f"{public_url}/problems/{slug_of(problem.code)}",
        "title": problem.kind.title,
        "status": int(problem.kind.status),
        "detail": problem.detail,
        "instance": instance,
        "code": problem.code,
        "request_id": request_id,
    }
    if problem.way_out:
        document["way_out"] = problem.way_out
    if problem.errors:
        document["errors"] = [vars(error) for error in problem.errors]
    document |= problem.members
    headers = dict(problem.headers)
    if problem.kind.retry_after_s is not None:
        headers["Retry-After"] = str(problem.kind.retry_after_s)
    return web.Response(
        status=problem.kind.status,
        body=json.dumps(document, ensure_ascii=False).encode("utf-8", "replace"),
        content_type=PROBLEM_CONTENT_TYPE,
        headers=headers,
    )
