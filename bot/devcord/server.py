"""Put the doors of the offline Discord together and keep them open until told to stop."""

import json
import os
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from backend.service.meanwhile import meanwhile
from bot.devcord.buckets import Buckets
from bot.devcord.cdn import CDN_PATH, Cdn
from bot.devcord.control import CONTROL_PATH, Control
from bot.devcord.gateway import GATEWAY_PATH, Gateway
from bot.devcord.openapi import OpenApiJudge
from bot.devcord.page import Page
from bot.devcord.rest import API_PATH, Rest
from bot.devcord.world import World

_HOST = "127.0.0.1"
# One message is at most ten files of 10 MiB; the REST door refuses more in Discord's words.
_BODY_LIMIT_BYTES = 128 * 1024 * 1024
_SHUTDOWN_TIMEOUT_S = 1.0


@dataclass(frozen=True, kw_only=True)
class Options:
    """What the command line decides."""

    port: int = 0
    preview_port: int = 0
    ready_file: Path | None = None
    token: str | None = None
    openapi: Path | None = None
    rate_limits: bool = True


@asynccontextmanager
async def offline_discord(options: Options) -> AsyncIterator[Mapping[str, object]]:
    """Run the offline Discord; yields where to reach it, as in the ready file."""
    # Bound before anything else: every address the bot is told contains this port.
    with socket.create_server((_HOST, options.port)) as listener:
        origin = f"http://{_HOST}:{listener.getsockname()[1]}"
        async with World().running() as world, _page(world, options.preview_port) as page:
            ready = _addresses(world, origin, page.url)
            app, gateway = _assemble(world, origin, options, ready)
            async with _served(app, listener):
                _write_ready(options.ready_file, ready)
                try:
                    yield ready
                finally:
                    await gateway.close()
                    if options.ready_file is not None:
                        options.ready_file.unlink(missing_ok=True)


@asynccontextmanager
async def _page(world: World, port: int) -> AsyncIterator[Page]:
    page = Page(world=world, port=port)
    await page.open()
    try:
        async with meanwhile(page.keep_current()):
            yield page
    finally:
        await page.close()


@asynccontextmanager
async def _served(app: web.Application, listener: socket.socket) -> AsyncIterator[None]:
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=_SHUTDOWN_TIMEOUT_S)
    await runner.setup()
    await web.SockSite(runner, listener).start()
    try:
        yield
    finally:
        await runner.cleanup()


def _addresses(world: World, origin: str, page_url: str) -> dict[str, object]:
    people = {"alice": world.cast.alice, "bob": world.cast.bob, "moderator": world.cast.moderator}
    return {
        "api_base": origin + API_PATH,
        "gateway": f"ws{origin.removeprefix('http')}{GATEWAY_PATH}",
        "control": origin + CONTROL_PATH,
        "page_url": page_url,
        "guild_id": str(world.guild.id),
        "channel_id": str(world.channel.id),
        "moderators_channel_id": str(world.back_room.id),
        "moderator_role_id": str(world.moderators.id),
        "application_id": str(world.backend.application_id),
        "bot_user_id": str(world.backend.bot_user.id),
        "members": {name: str(member.id) for name, member in people.items()},
        "pid": os.getpid(),
    }


def _assemble(
    world: World, origin: str, options: Options, ready: Mapping[str, object]
) -> tuple[web.Application, Gateway]:
    cdn = Cdn(world=world, origin=origin)
    rest = Rest(
        world=world,
        cdn=cdn,
        token=options.token,
        judge=OpenApiJudge(options.openapi) if options.openapi else None,
        buckets=Buckets() if options.rate_limits else None,
    )
    gateway = Gateway(world=world, cdn=cdn, url=str(ready["gateway"]), accepts=rest.accepts)
    control = Control(world=world, cdn=cdn, rest=rest, gateway=gateway, ready=ready)

    async def gateway_bot(_request: web.Request) -> web.Response:
        return rest.reply(gateway.describe())

    app = web.Application(
        client_max_size=_BODY_LIMIT_BYTES, middlewares=[_only_from(origin.removeprefix("http://"))]
    )
    app.add_routes(control.routes())
    app.router.add_get(GATEWAY_PATH, gateway.serve)
    app.router.add_get(f"{CDN_PATH}/{{path:.+}}", cdn.serve)
    app.router.add_get(f"{API_PATH}/gateway/bot", gateway_bot)
    app.router.add_get(f"{API_PATH}/gateway", gateway_bot)
    app.router.add_route("*", f"{API_PATH}/{{path:.+}}", rest.serve)
    return app, gateway


def _only_from(host: str) -> Middleware:
    """Refuse requests that name another host: a web page elsewhere must not reach in."""
    allowed = {host, f"localhost:{host.rpartition(':')[2]}"}

    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.headers.get("Host") not in allowed or "Origin" in request.headers:
            raise web.HTTPForbidden
        return await handler(request)

    return check


def _write_ready(path: Path | None, ready: Mapping[str, object]) -> None:
    """Write the ready file in one step, for its owner alone: the page's address is a credential."""
    if path is None:
        return
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.touch(mode=0o600)
    draft.write_text(json.dumps(ready), encoding="utf-8")
    draft.replace(path)
