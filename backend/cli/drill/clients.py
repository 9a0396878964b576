"""The clients of a drill: they ask over REST, some over Discord, and never take silence for no."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final

import aiohttp

from backend.cli.drill.plan import PlannedRequest
from backend.domain.requests import JobId

RETRY_S: Final = 0.3
RETRY_MAX_S: Final = 3.0
# A gateway that has just started must not be drowned by those who waited for it.
AT_ONCE: Final = 8
SLOW_BOT_S: Final = 15.0
ANSWER_TIMEOUT_S: Final = 15.0
# On a busy box the offline Discord, the bot and the database take turns on few cores.
SLASH_TIMEOUT: Final = aiohttp.ClientTimeout(total=30.0)
PROMPTS: Final = ("a red boat", "a lighthouse", "a fox in snow", "two cups", "a paper crane")
NEVER: Final = frozenset({400, 401, 403, 404, 409, 413, 422})


class Refusal(Exception):
    """The gateway refused what a drill asks for; a bug in one of the two."""


class Clients:
    """Sends requests until they are accepted, each under one idempotency key."""

    def __init__(
        self,
        *,
        session: aiohttp.ClientSession,
        gateway_url: str,
        control_url: str | None,
        keys: Sequence[str],
        run: str,
        find_by_seed: Callable[[int], Awaitable[Sequence[JobId]]],
    ) -> None:
        self._session = session
        self._gateway_url = gateway_url
        self._control_url = control_url
        self._keys = keys
        self._run = run
        self._find_by_seed = find_by_seed
        self._asked: set[int] = set()
        self._gate = asyncio.Semaphore(AT_ONCE)
        self.accepted: dict[int, list[JobId]] = {}

    async def ask(self, request: PlannedRequest) -> None:
        """Submit one planned request, twice at once if so planned, and cancel it if so planned."""
        if request.by_discord and self._control_url is not None:
            await self._ask_by_discord(request)
            return
        times = 2 if request.is_doubled else 1
        ids = await asyncio.gather(*(self._submit(request) for _ in range(times)))
        self.accepted[request.number] = list(ids)
        if request.cancel_after_s is not None:
            await asyncio.sleep(request.cancel_after_s)
            await self._call(request.account, "POST", f"/v1/generations/{ids[0]}/cancel")

    async def is_answered(self) -> bool:
        """Say whether the gateway answers a request that begins now."""
        status, _ = await self._once(0, "GET", "/v1/generations?limit=1", None, {})
        return status == HTTPStatus.OK

    async def has_bot(self) -> bool:
        """Say whether the offline Discord has a bot connected."""
        ready = await self._discord("GET", "/ready")
        return ready is not None and int(ready.get("bots", 0)) > 0

    async def discord_messages(self) -> list[dict[str, Any]]:
        """Return all messages that stand in the offline Discord's channel."""
        found = await self._discord("GET", "/messages")
        return found if isinstance(found, list) else []

    async def _ask_by_discord(self, request: PlannedRequest) -> None:
        """Ask as a member would: again, where no job came of it, once the bot is back."""
        wish = {
            "actor": ("alice", "bob")[request.account % 2],
            "verb": "slash",
            "name": "imagine",
            "options": {
                "prompt": _prompt(request),
                "tier": request.tier.value,
                "steps": request.steps,
                "count": 1,
                "seed": request.number,
            },
        }
        while not await self._was_made(request):
            if await self.has_bot():
                await self._discord("POST", "/act", wish)

    async def _was_made(self, request: PlannedRequest) -> bool:
        """Say whether a job came of it; the bot answers first and a slow one makes it later."""
        give_up_at = time.monotonic() + (SLOW_BOT_S if request.number in self._asked else 0.0)
        self._asked.add(request.number)
        while not await self._find_by_seed(request.number):
            if time.monotonic() >= give_up_at:
                return False
            await asyncio.sleep(RETRY_S)
        return True

    async def _submit(self, request: PlannedRequest) -> JobId:
        body = {
            "prompt": _prompt(request),
            "tier": request.tier.value,
            "steps": request.steps,
            "n": 1,
            "seed": request.number,
        }
        headers = {"Idempotency-Key": f"{self._run}-{request.number}"}
        answer = await self._call(request.account, "POST", "/v1/generations", body, headers)
        return JobId(str(answer["id"]))

    async def _call(
        self,
        account: int,
        method: str,
        path: str,
        body: object = None,
        headers: Mapping[str, str] | None = None,
    ) -> dict[str, Any]:
        """Call until an answer comes.

        Raises:
            Refusal: the request itself is refused.

        """
        pause_s = RETRY_S
        while True:
            async with self._gate:
                status, answer = await self._once(account, method, path, body, headers or {})
            if status < HTTPStatus.BAD_REQUEST and status:
                return answer
            if status == HTTPStatus.CONFLICT and path.endswith("/cancel"):
                return answer
            if status in NEVER:
                raise Refusal(f"{method} {path}: {status} {answer}")
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, RETRY_MAX_S)

    async def _once(
        self, account: int, method: str, path: str, body: object, headers: Mapping[str, str]
    ) -> tuple[int, dict[str, Any]]:
        """Call once; status 0 when there was no answer."""
        bearer = {"Authorization": f"Bearer {self._keys[account]}"}
        try:
            async with self._session.request(
                method, self._gateway_url + path, json=body, headers={**bearer, **headers}
            ) as answer:
                return answer.status, await answer.json(content_type=None)
        except (aiohttp.ClientError, OSError, TimeoutError, json.JSONDecodeError):
            return 0, {}

    async def _discord(self, method: str, path: str, body: object = None) -> Any:  # noqa: ANN401 - JSON
        try:
            async with self._session.request(
                method, f"{self._control_url}{path}", json=body, timeout=SLASH_TIMEOUT
            ) as answer:
                return await answer.json() if answer.status == HTTPStatus.OK else None
        except (aiohttp.ClientError, OSError, TimeoutError):
            return None


def open_session() -> aiohttp.ClientSession:
    """Open a session that waits for no answer longer than a user would."""
    timeout = aiohttp.ClientTimeout(total=ANSWER_TIMEOUT_S)
    return aiohttp.ClientSession(timeout=timeout)


def run_name() -> str:
    """Name a run, so that its idempotency keys are its own."""
    return f"drill-{time.time_ns():x}"


def _prompt(request: PlannedRequest) -> str:
    return PROMPTS[request.number % len(PROMPTS)]
