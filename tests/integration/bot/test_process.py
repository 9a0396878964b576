"""The production bot as a process of its own: logs in, serves, and goes when it is told."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.fakes.openapi import openapi_document
from tests.fakes.servers import dies_with_parent, redis_url, valkey_url

__all__ = ["redis_url", "valkey_url"]

START_S = 60.0
POLL_S = 0.05


@pytest.fixture(autouse=True)
def env() -> None:
    """No simulated Discord in this process."""


@asynccontextmanager
async def process(*arguments: str, **variables: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run one of our modules until the block is left."""
    running = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        *arguments,
        env={**os.environ, **variables},
        stderr=asyncio.subprocess.PIPE,
        preexec_fn=dies_with_parent(),
    )
    try:
        yield running
    finally:
        if running.returncode is None:
            running.kill()
        await running.communicate()


async def until(found: Any) -> Any:
    """Ask until there is an answer."""
    async with asyncio.timeout(START_S):
        while True:
            answer = await found()
            if answer:
                return answer
            await asyncio.sleep(POLL_S)


async def test_the_bot_logs_in_answers_and_stops_when_told(
    sqlite_url: str, redis_url: str, tmp_path: Path
) -> None:
    ready_file = tmp_path / "devcord.json"
    document = openapi_document()
    judged = ("--openapi", str(document)) if document else ()
    async with (
        process("bot.devcord", "--ready-file", str(ready_file), *judged),
        aiohttp.ClientSession() as session,
    ):
        ready = json.loads(await until(lambda: _text_of(ready_file)))
        control = ready["control"]

        async def get(path: str) -> Any:
            async with session.get(f"{control}/{path}") as response:
                return await response.json()

        async def act(**wish: Any) -> Any:
            async with session.post(f"{control}/act", json={"actor": "alice", **wish}) as response:
                return await response.json()

        async with process(
            "bot",
            IMPASTO_HOME=str(tmp_path),
            IMPASTO_DATABASE_URL=sqlite_url.replace("sqlite:", "sqlite+aiosqlite:"),
            IMPASTO_REDIS_URL=redis_url,
            IMPASTO_DISCORD_TOKEN="a-token",  # noqa: S106 - the offline Discord takes any
            IMPASTO_DISCORD_API_BASE=ready["api_base"],
            IMPASTO_DISCORD_GATEWAY=ready["gateway"],
        ) as bot:
            await until(lambda: _connected(get))
            await act(verb="slash", name="imagine", options={"prompt": "a fox --seed 7"})
            [message] = await until(lambda: _with_content(get, "In line"))
            assert "seed 7" in message["content"]
            await act(verb="click", message_id=message["id"], label="Cancel")
            await until(lambda: _with_content(get, "Cancelled"))
            bot.send_signal(signal.SIGTERM)
            _, said = await asyncio.wait_for(bot.communicate(), START_S)
            assert bot.returncode == 0, said.decode()
            assert b"Traceback" not in said, said.decode()
            assert b"a-token" not in said
        assert await get("problems") == []


async def _text_of(path: Path) -> str:
    def read() -> str:
        return path.read_text(encoding="utf-8") if path.is_file() else ""

    return await asyncio.to_thread(read)


async def _connected(get: Any) -> bool:
    return bool((await get("ready"))["bots"]) and "imagine" in str(await get("commands"))


async def _with_content(get: Any, words: str) -> list[Any]:
    return [one for one in await get("messages") if words in one["content"]]
