"""The edge of the fake Discord: what the real one refuses and simcord lets pass."""

import io
from dataclasses import dataclass, field
from typing import Any

import pytest
from simcord.backend.errors import BackendError
from simcord.http import router

from bot.devcord.openapi import OpenApiJudge

FILE_LIMIT_BYTES = 10 * 1024 * 1024
FILES_MAX = 10


@dataclass
class Edge:
    """The edge of Discord: refuses what simcord lets pass, and notes what the document forbids."""

    judge: OpenApiJudge | None
    file_limit_bytes: int = FILE_LIMIT_BYTES
    problems: list[str] = field(default_factory=list)
    judged: int = 0

    def install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Stand between both of simcord's transports and its routes."""
        inner = router.dispatch

        def dispatch(backend: Any, method: str, path: str, **request: Any) -> Any:
            if self.judge is not None:
                self.judged += 1
                body = request.get("json")
                self.problems += self.judge.problems(method, path, body)
            self._refuse_files(backend, method, path, request.get("files") or [])
            try:
                return inner(backend, method, path, **request)
            except BackendError as error:
                # A dead interaction token: the real answer, which simcord gives otherwise.
                if error.code == 10015 and _token_of(path) in backend.interaction_tokens:
                    raise BackendError(401, 50027, "Invalid Webhook Token") from error
                raise

        monkeypatch.setattr(router, "dispatch", dispatch)

    def _refuse_files(self, backend: Any, method: str, path: str, files: list[Any]) -> None:
        if len(files) > FILES_MAX:
            raise BackendError(400, 50035, "Invalid Form Body")
        for file in files:
            if _size(file) > self.file_limit_bytes:
                raise BackendError(413, 40005, "Request entity too large")
        parts = path.strip("/").split("/")
        if files and method in ("POST", "PATCH") and parts[0] == "channels":
            channel = backend.get_channel(int(parts[1]))
            if channel.guild_id is not None:
                bot_id = backend.bot_user.id
                backend.require_permissions(channel.guild_id, bot_id, channel.id, "attach_files")


def _token_of(path: str) -> str:
    parts = path.strip("/").split("/")
    return parts[2] if parts[0] == "webhooks" and len(parts) > 2 else ""


def _size(file: Any) -> int:
    place = file.fp.tell()
    size = file.fp.seek(0, io.SEEK_END)
    file.fp.seek(place)
    return int(size)
