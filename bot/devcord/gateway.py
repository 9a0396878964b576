"""The gateway door: Discord's WebSocket, fed with the events of simcord's world."""

import asyncio
import contextlib
import json
import secrets
import zlib
from collections.abc import Callable, Mapping
from enum import IntEnum
from types import SimpleNamespace
from typing import Any

import discord
import structlog
from aiohttp import WSMsgType, web
from simcord.backend import Backend, serializers
from simcord.backend.models import Member
from simcord.gateway import FakeGateway

from bot.devcord.cdn import Cdn
from bot.devcord.world import World

GATEWAY_PATH = "/gw"
_HEARTBEAT_INTERVAL_MS = 41_250
_AUTHENTICATION_FAILED = 4004
_INVALID_SHARD = 4010
_MESSAGE_LIMIT_BYTES = 1 << 20

_log = structlog.get_logger(__name__)


class Op(IntEnum):
    """Gateway opcodes."""

    DISPATCH = 0
    HEARTBEAT = 1
    IDENTIFY = 2
    RESUME = 6
    REQUEST_GUILD_MEMBERS = 8
    INVALID_SESSION = 9
    HELLO = 10
    HEARTBEAT_ACK = 11


class Session:
    """One connection: what one shard of one bot process is told."""

    def __init__(self, *, world: World, cdn: Cdn, socket: web.WebSocketResponse) -> None:
        self._world = world
        self._cdn = cdn
        self._socket = socket
        self._outbox: asyncio.Queue[str] = asyncio.Queue()
        self._sequence = 0
        self._filter: FakeGateway | None = None
        self.shard_id = 0
        self.shard_count = 1

    def send(self, op: Op, data: object, *, event: str | None = None) -> None:
        """Put one message into the outbox; the payload is copied at once."""
        sequence = None
        if op is Op.DISPATCH:
            self._sequence += 1
            sequence = self._sequence
        frame = {"op": int(op), "d": data, "s": sequence, "t": event}
        self._outbox.put_nowait(self._cdn.outward(json.dumps(frame)))

    async def drain(self, *, compressed: bool) -> None:
        """Write the outbox to the socket until cancelled."""
        stream = zlib.compressobj()
        while True:
            text = await self._outbox.get()
            if not compressed:
                await self._socket.send_str(text)
                continue
            packed = stream.compress(text.encode()) + stream.flush(zlib.Z_SYNC_FLUSH)
            await self._socket.send_bytes(packed)

    def identify(self, data: Mapping[str, Any], gateway_url: str) -> None:
        """Begin to deliver events: first that the session is ready, then the shard's guilds."""
        self.shard_id, self.shard_count = data.get("shard") or (0, 1)
        intents = discord.Intents._from_value(int(data["intents"]))  # noqa: SLF001 - as discord.py does
        state = SimpleNamespace(intents=intents, parsers=_Parsers(self.send))
        # simcord's own filter: it drops, censors and prunes as the intents demand.
        self._filter = FakeGateway(self._world.backend, state)
        guilds = [guild for guild in self._world.backend.guilds.values() if self._owns(guild.id)]
        self.send(Op.DISPATCH, self._ready(guilds, gateway_url), event="READY")
        for guild in guilds:
            payload = serializers.guild_create_payload(self._world.backend, guild)
            self.feed("GUILD_CREATE", payload)

    def _ready(self, guilds: list[Any], gateway_url: str) -> dict[str, Any]:
        backend = self._world.backend
        return {
            "v": 10,
            "user": dict(serializers.user_payload(backend.bot_user)),
            "guilds": [{"id": str(guild.id), "unavailable": True} for guild in guilds],
            "session_id": secrets.token_hex(16),
            "resume_gateway_url": gateway_url,
            "shard": [self.shard_id, self.shard_count],
            "application": {"id": str(backend.application_id), "flags": 0},
        }

    def feed(self, event: str, payload: Mapping[str, Any]) -> None:
        """Deliver one event if it is this shard's and its intents cover it."""
        if self._filter is not None and self._concerns(event, payload):
            self._filter.feed(event, payload)

    def _concerns(self, event: str, payload: Mapping[str, Any]) -> bool:
        guild_id = payload.get("guild_id")
        if guild_id is None and event in {"GUILD_CREATE", "GUILD_UPDATE", "GUILD_DELETE"}:
            guild_id = payload.get("id")
        # What belongs to no guild arrives on shard 0.
        return self.shard_id == 0 if guild_id is None else self._owns(int(guild_id))

    def _owns(self, guild_id: int) -> bool:
        return (guild_id >> 22) % self.shard_count == self.shard_id

    def send_members(self, wanted: Mapping[str, Any]) -> None:
        """Answer a request for members: by ids, or by the beginning of a name."""
        backend = self._world.backend
        guild = backend.guilds.get(int(wanted["guild_id"]))
        if guild is None:
            return
        ids = wanted.get("user_ids")
        ids = {int(each) for each in ids} if isinstance(ids, list) else None
        prefix = (wanted.get("query") or "").lower()
        members = [
            serializers.member_payload(backend, guild, member)
            for member in guild.members.values()
            if (member.user_id in ids if ids is not None else _named(backend, member, prefix))
        ]
        chunk = {
            "guild_id": str(guild.id),
            "members": members[: wanted.get("limit") or None],
            "chunk_index": 0,
            "chunk_count": 1,
        }
        if wanted.get("nonce"):
            chunk["nonce"] = wanted["nonce"]
        self.send(Op.DISPATCH, chunk, event="GUILD_MEMBERS_CHUNK")


def _named(backend: Backend, member: Member, prefix: str) -> bool:
    return bool(backend.users[member.user_id].name.lower().startswith(prefix))


class _Parsers:
    """Stands where discord.py keeps its event parsers: whatever the event, it is sent on."""

    def __init__(self, send: Callable[..., None]) -> None:
        self._send = send

    def __getitem__(self, event: str) -> Callable[[object], None]:
        return lambda payload: self._send(Op.DISPATCH, payload, event=event)


class Gateway:
    """Accepts connections and fans the world's events out to them."""

    def __init__(self, *, world: World, cdn: Cdn, url: str, accepts: Callable[[str], bool]) -> None:
        self._world = world
        self._cdn = cdn
        self._url = url
        self._accepts = accepts
        self._sessions: dict[Session, web.WebSocketResponse] = {}
        world.backend.subscribers.append(self._fan_out)

    @property
    def connected(self) -> int:
        """Return how many sessions have identified themselves and are still there."""
        return len(self._sessions)

    def describe(self) -> dict[str, Any]:
        """Return the answer of ``GET /gateway/bot``."""
        limit = {"total": 1000, "remaining": 1000, "reset_after": 86_400_000, "max_concurrency": 1}
        return {"url": self._url, "shards": 1, "session_start_limit": limit}

    def _fan_out(self, event: str, payload: Mapping[str, Any]) -> None:
        for session in self._sessions:
            session.feed(event, payload)

    async def serve(self, request: web.Request) -> web.WebSocketResponse:
        """Speak with one shard until it leaves."""
        socket = web.WebSocketResponse(max_msg_size=_MESSAGE_LIMIT_BYTES)
        await socket.prepare(request)
        session = Session(world=self._world, cdn=self._cdn, socket=socket)
        compressed = request.query.get("compress") == "zlib-stream"
        writer = asyncio.create_task(session.drain(compressed=compressed))
        session.send(Op.HELLO, {"heartbeat_interval": _HEARTBEAT_INTERVAL_MS})
        try:
            async for message in socket:
                if message.type is WSMsgType.TEXT:
                    await self._receive(session, socket, json.loads(message.data))
        finally:
            self._sessions.pop(session, None)
            writer.cancel()
            with contextlib.suppress(asyncio.CancelledError, ConnectionError):
                await writer
        return socket

    async def _receive(
        self, session: Session, socket: web.WebSocketResponse, frame: Mapping[str, Any]
    ) -> None:
        match frame["op"]:
            case Op.HEARTBEAT:
                session.send(Op.HEARTBEAT_ACK, None)
            case Op.IDENTIFY:
                await self._identify(session, socket, frame["d"])
            case Op.RESUME:
                # Missed events are not kept: the bot has to identify itself anew.
                session.send(Op.INVALID_SESSION, data=False)
            case Op.REQUEST_GUILD_MEMBERS:
                session.send_members(frame["d"])
            case _:
                # Presence and voice updates change nothing anyone can see here.
                return

    async def _identify(
        self, session: Session, socket: web.WebSocketResponse, data: Mapping[str, Any]
    ) -> None:
        shard_id, shard_count = data.get("shard") or (0, 1)
        if not self._accepts(str(data.get("token", ""))):
            await socket.close(code=_AUTHENTICATION_FAILED, message=b"Authentication failed.")
        elif not 0 <= shard_id < shard_count:
            await socket.close(code=_INVALID_SHARD, message=b"Invalid shard.")
        else:
            session.identify(data, self._url)
            self._sessions[session] = socket
            _log.info("devcord.bot_connected", shard_id=shard_id, shard_count=shard_count)

    async def close(self) -> None:
        """Say goodbye to every connection."""
        for socket in tuple(self._sessions.values()):
            await socket.close(code=1001, message=b"Going away")
