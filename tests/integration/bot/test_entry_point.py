"""`python -m bot` against a server that is not Discord's."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import discord
import pytest
from aiohttp import web
from pydantic import SecretStr

import bot.__main__ as entry_point
from bot.client import ClientOptions, ImpastoBot
from bot.settings import BotSettings
from tests.fakes.discord import Town


@asynccontextmanager
async def serving(handler: Any) -> AsyncIterator[str]:
    """Answer every request with `handler`, on a free port."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handler)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def test_a_token_that_discord_refuses_is_one_clear_sentence(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, town: Town
) -> None:
    services = town.house.services
    await town.env.shutdown()

    @asynccontextmanager
    async def open_services() -> AsyncIterator[Any]:
        yield services

    async def unauthorised(_request: web.Request) -> web.Response:
        return web.json_response({"message": "401: Unauthorized", "code": 0}, status=401)

    monkeypatch.setattr(entry_point, "open_services", open_services)
    monkeypatch.setattr(entry_point, "log_as_json", lambda: None)
    monkeypatch.setattr(discord.http.Route, "BASE", discord.http.Route.BASE)
    async with serving(unauthorised) as address:
        settings = BotSettings(
            home=tmp_path,
            discord_token=SecretStr("not-a-token"),
            discord_api_base=f"{address}/api/v10",
        )
        with pytest.raises(entry_point.WrongSetting, match="does not accept") as raised:
            await entry_point.run(settings)
    assert "not-a-token" not in str(raised.value)


@pytest.mark.parametrize(
    ("status", "kind"), [(403, entry_point.WrongSetting), (503, entry_point.DiscordAway)]
)
async def test_a_discord_that_does_not_let_us_in_is_one_clear_sentence(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    town: Town,
    status: int,
    kind: type[Exception],
) -> None:
    services = town.house.services
    await town.env.shutdown()

    @asynccontextmanager
    async def open_services() -> AsyncIterator[Any]:
        yield services

    async def answer(request: web.Request) -> web.Response:
        if request.path.endswith("/users/@me"):
            body = b'{"id": "1", "username": "b", "discriminator": "0", "avatar": null}'
            return web.Response(body=body, content_type="application/json")
        return web.Response(status=status, body=b"{}", content_type="application/json")

    monkeypatch.setattr(entry_point, "open_services", open_services)
    monkeypatch.setattr(entry_point, "log_as_json", lambda: None)
    monkeypatch.setattr(discord.http.Route, "BASE", discord.http.Route.BASE)
    async with serving(answer) as address:
        settings = BotSettings(
            home=tmp_path,
            discord_token=SecretStr("not-a-token"),
            discord_api_base=f"{address}/api/v10",
        )
        with pytest.raises(kind):
            await entry_point.run(settings)


def registrations(town: Town) -> int:
    """Count how often the commands were sent."""
    return sum(one.method == "PUT" for one in town.env.http_requests)


async def test_commands_are_registered_only_when_they_changed(town: Town) -> None:
    assert registrations(town) == 1
    await town.restart()
    assert registrations(town) == 1
    for mark in town.state_dir.glob("discord-commands-*"):
        mark.write_text("older", encoding="utf-8")
    await town.restart()
    assert registrations(town) == 2


async def test_two_shards_each_keep_to_their_guilds(town: Town) -> None:
    message = town.messages.messages[await town.ask()]
    shard_of_guild = (town.guild.id >> 22) % 2
    for shard_id in (0, 1):
        options = ClientOptions(state_dir=town.state_dir, shard_count=2, shard_ids=(shard_id,))
        one = ImpastoBot(services=town.house.services, options=options)
        assert one._owns(message) is (shard_id == shard_of_guild)
