"""The REST door: Discord's API v10, answered by simcord's router.

What simcord lets pass and Discord refuses (too many or too large files, the code of an expired
interaction token) is refused here.
"""

import io
import json
import urllib.parse
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

import structlog
from aiohttp import BodyPartReader, web
from simcord.backend.errors import BackendError
from simcord.http import router

from bot.devcord.buckets import Allowance, Buckets
from bot.devcord.cdn import Cdn
from bot.devcord.openapi import OpenApiJudge
from bot.devcord.world import World

API_PATH = "/api/v10"
_FILE_LIMIT_BYTES = 10 * 1024 * 1024
_FILES_PER_MESSAGE = 10
_UNKNOWN_WEBHOOK = 10015
_KEPT_REQUESTS = 5000

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True)
class Upload:
    """One uploaded file, in the shape of discord.py's ``File`` that simcord reads."""

    filename: str
    description: str | None
    data: bytes
    fp: io.BytesIO = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "fp", io.BytesIO(self.data))


@dataclass(frozen=True, kw_only=True)
class Body:
    """What a request carries."""

    json: Any = None
    uploads: tuple[Upload, ...] = ()


@dataclass(kw_only=True)
class Record:
    """What the bot asked for, for tests to read."""

    method: str
    path: str
    status: int
    file_sizes: tuple[int, ...]


class Rest:
    """Turns HTTP requests into simcord dispatches and its errors into Discord's."""

    def __init__(
        self,
        *,
        world: World,
        cdn: Cdn,
        token: str | None,
        judge: OpenApiJudge | None,
        buckets: Buckets | None,
    ) -> None:
        self._world = world
        self._cdn = cdn
        self._token = token
        self._judge = judge
        self._buckets = buckets
        self.problems: list[str] = []
        self.requests: deque[Record] = deque(maxlen=_KEPT_REQUESTS)

    def accepts(self, token: str) -> bool:
        """Say whether a bot may log in with this token: any will do unless one was named."""
        return self._token is None or token.removeprefix("Bot ").strip() == self._token

    def reply(self, payload: object) -> web.Response:
        """Answer with JSON, as every success does."""
        return self._json(200, payload)

    async def serve(self, request: web.Request) -> web.Response:
        """Answer one API request."""
        path = request.rel_url.raw_path.removeprefix(API_PATH)
        if not self.accepts(request.headers.get("Authorization", self._token or "")):
            return self._error(401, 0, "401: Unauthorized")
        body = await self._read(request)
        allowance = self._buckets.take(request.method, path) if self._buckets else None
        if allowance is not None and allowance.exceeded:
            response = _too_many(allowance)
        else:
            self._examine(request.method, path, body)
            response = self._answer(request, path, body)
            response.headers.update(allowance.headers() if allowance else {})
        self._remember(request.method, path, body, response.status)
        return response

    def _remember(self, method: str, path: str, body: Body, status: int) -> None:
        sizes = tuple(len(upload.data) for upload in body.uploads)
        self.requests.append(Record(method=method, path=path, status=status, file_sizes=sizes))
        self._world.note_request(method)

    def _examine(self, method: str, path: str, body: Body) -> None:
        if self._judge is not None:
            self.problems += self._judge.problems(method, path, body.json)

    def _answer(self, request: web.Request, path: str, body: Body) -> web.Response:
        refusal = _refuse_files(body.uploads)
        if refusal is not None:
            return self._error(*refusal)
        try:
            result = router.dispatch(
                self._world.backend,
                request.method,
                path,
                json=body.json,
                params=dict(request.query),
                files=list(body.uploads),
                reason=_reason(request.headers),
            )
        except (router.RouteNotImplemented, router.UnsupportedField) as gap:
            return self._gap(request.method, path, gap.message)
        except BackendError as refused:
            return self._refused(path, refused)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            # simcord trusts its caller; what a malformed body makes it raise is a malformed body.
            _log.exception("devcord.request_broke_simcord", method=request.method, path=path)
            return self._error(400, 50035, f"Invalid Form Body: {error!r}")
        return self._json(200, result) if result is not None else web.Response(status=204)

    def _gap(self, method: str, path: str, message: str) -> web.Response:
        _log.warning("devcord.route_missing", method=method, path=path)
        self.problems.append(message)
        return self._error(501, 0, message)

    def _refused(self, path: str, refused: BackendError) -> web.Response:
        if refused.code == _UNKNOWN_WEBHOOK and path.startswith("/webhooks/"):
            # simcord says 404/10015 for a dead interaction token, Discord 401/50027.
            return self._error(401, 50027, "Invalid Webhook Token")
        return self._json(refused.status, refused.to_json())

    def _error(self, status: int, code: int, message: str) -> web.Response:
        return self._json(status, {"code": code, "message": message})

    def _json(self, status: int, payload: object) -> web.Response:
        # discord.py parses JSON only when the content type is exactly this, without a charset.
        return web.Response(
            status=status,
            body=self._cdn.outward(json.dumps(payload)).encode(),
            headers={"Content-Type": "application/json"},
        )

    async def _read(self, request: web.Request) -> Body:
        if request.content_type.startswith("multipart/"):
            return await self._read_multipart(request)
        raw = await request.read()
        return Body(json=self._parse(raw.decode()) if raw else None)

    async def _read_multipart(self, request: web.Request) -> Body:
        form: list[dict[str, Any]] = []
        blobs: list[tuple[str, str, bytes]] = []
        async for part in await request.multipart():
            if not isinstance(part, BodyPartReader) or part.name is None:
                continue
            data = bytes(await part.read(decode=False))
            if part.filename is None:
                form.append({"name": part.name, "value": self._cdn.inward(data.decode())})
            else:
                blobs.append((part.name, part.filename, data))
        payload, _ = router.parse_form(form, [])
        described = _descriptions(payload)
        return Body(
            json=payload,
            uploads=tuple(
                Upload(filename=filename, description=described.get(name), data=data)
                for name, filename, data in blobs
            ),
        )

    def _parse(self, text: str) -> object:
        try:
            return cast(object, json.loads(self._cdn.inward(text)))
        except ValueError:
            raise web.HTTPBadRequest(text="invalid JSON") from None


def _descriptions(payload: object) -> dict[str, str]:
    """Return the alternative texts of uploads by their form field."""
    if not isinstance(payload, dict):
        return {}
    holder = payload.get("data") if isinstance(payload.get("data"), dict) else payload
    return {
        f"files[{item['id']}]": item["description"]
        for item in (holder or {}).get("attachments") or []
        if item.get("description")
    }


def _refuse_files(uploads: tuple[Upload, ...]) -> tuple[int, int, str] | None:
    if len(uploads) > _FILES_PER_MESSAGE:
        return 400, 50035, "Invalid Form Body"
    if any(len(upload.data) > _FILE_LIMIT_BYTES for upload in uploads):
        return 413, 40005, "Request entity too large"
    return None


def _reason(headers: Mapping[str, str]) -> str | None:
    raw = headers.get("X-Audit-Log-Reason")
    return urllib.parse.unquote(raw) if raw else None


def _too_many(allowance: Allowance) -> web.Response:
    payload = {
        "message": "You are being rate limited.",
        "retry_after": allowance.reset_after_s,
        "global": False,
    }
    return web.Response(
        status=429,
        body=json.dumps(payload).encode(),
        headers={"Content-Type": "application/json", **allowance.headers()},
    )
