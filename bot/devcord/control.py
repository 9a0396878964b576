"""The back door for tests: read messages and requests, and act as a person without a browser.

``POST /_impasto/act`` takes ``{"actor": "alice|bob|moderator", "verb": …}`` and, per verb:
``slash`` name, options · ``autocomplete`` name, option, value, options · ``click`` message_id,
label or custom_id · ``select`` message_id, values, custom_id · ``submit`` interaction_id, values ·
``context_menu`` name, message_id · ``send`` content · ``delete`` message_id.
An uploaded file is ``{"filename", "base64"}``.
"""

import base64
import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from aiohttp import web
from simcord.backend.errors import BackendError, SetupError
from simcord.backend.models import Message
from simcord.components import walk_components
from simcord.results import InteractionResult, ResponseMessage

from bot.devcord.cdn import Cdn
from bot.devcord.gateway import Gateway
from bot.devcord.rest import Rest
from bot.devcord.world import World

CONTROL_PATH = "/_impasto"
_EPHEMERAL = 1 << 6


class Control:
    """Routes under ``/_impasto``; they exist on loopback only and never in front of people."""

    def __init__(
        self, *, world: World, cdn: Cdn, rest: Rest, gateway: Gateway, ready: Mapping[str, object]
    ) -> None:
        self._world = world
        self._cdn = cdn
        self._rest = rest
        self._gateway = gateway
        self._ready = ready
        self._edits: dict[int, int] = {}
        self._shown: dict[int, InteractionResult] = {}
        world.backend.subscribers.append(self._count_edit)

    def routes(self) -> list[web.RouteDef]:
        """Return the routes to mount."""
        return [
            web.get(f"{CONTROL_PATH}/ready", self._get_ready),
            web.get(f"{CONTROL_PATH}/problems", self._get_problems),
            web.get(f"{CONTROL_PATH}/requests", self._get_requests),
            web.get(f"{CONTROL_PATH}/commands", self._get_commands),
            web.get(f"{CONTROL_PATH}/messages", self._get_messages),
            web.post(f"{CONTROL_PATH}/act", self._post_act),
            web.post(f"{CONTROL_PATH}/advance", self._post_advance),
        ]

    def _count_edit(self, event: str, payload: Mapping[str, Any]) -> None:
        if event == "MESSAGE_UPDATE":
            message_id = int(payload["id"])
            self._edits[message_id] = self._edits.get(message_id, 0) + 1

    def _json(self, payload: object, *, status: int = 200) -> web.Response:
        return web.json_response(text=self._cdn.outward(json.dumps(payload)), status=status)

    async def _get_ready(self, _request: web.Request) -> web.Response:
        return self._json({**self._ready, "bots": self._gateway.connected})

    async def _get_problems(self, _request: web.Request) -> web.Response:
        return self._json(self._rest.problems)

    async def _get_requests(self, _request: web.Request) -> web.Response:
        return self._json([asdict(record) for record in self._rest.requests])

    async def _get_commands(self, request: web.Request) -> web.Response:
        actor = self._world.cast.named(request.query.get("actor", "alice"))
        return self._json(actor.available_commands(self._world.channel))

    async def _get_messages(self, request: web.Request) -> web.Response:
        channel_id = int(request.query.get("channel", self._world.channel.id))
        return self._json([self._message(each) for each in self._world.messages(channel_id)])

    async def _post_advance(self, request: web.Request) -> web.Response:
        self._world.clock.advance(float((await request.json())["seconds"]))
        return self._json({"now": self._world.clock.now().isoformat()})

    async def _post_act(self, request: web.Request) -> web.Response:
        """Do what a person would: 409 with simcord's reason when a person could not."""
        wish = await request.json()
        try:
            async with self._world.lock:
                result = await self._act(wish)
        except (SetupError, BackendError, KeyError) as refusal:
            return self._json({"error": str(refusal)}, status=409)
        except TimeoutError as late:
            return self._json({"error": str(late)}, status=504)
        return self._json(result)

    async def _act(self, wish: dict[str, Any]) -> dict[str, Any]:
        actor = self._world.cast.named(wish["actor"])
        channel = self._world.channel
        options = {name: _option(value) for name, value in wish.get("options", {}).items()}
        match wish["verb"]:
            case "slash":
                return self._outcome(await actor.slash(channel, wish["name"], **options))
            case "autocomplete":
                offered = await actor.autocomplete(
                    channel, wish["name"], wish["option"], wish["value"], **options
                )
                return {"choices": offered}
            case "click":
                by = {key: wish[key] for key in ("label", "custom_id") if key in wish}
                return self._outcome(await actor.click(self._find(wish), **by))
            case "select":
                chosen = await actor.select(
                    self._find(wish), wish["values"], custom_id=wish.get("custom_id")
                )
                return self._outcome(chosen)
            case "submit":
                shown = self._shown[int(wish["interaction_id"])]
                values = {name: _option(value) for name, value in wish["values"].items()}
                return self._outcome(await actor.submit_modal(shown, values))
            case "context_menu":
                picked = await actor.context_menu(channel, wish["name"], self._find(wish))
                return self._outcome(picked)
            case "send":
                sent = await actor.send(channel, wish["content"])
                return {"message_id": str(sent.id)}
            case "delete":
                self._world.backend.delete_message(channel.id, int(wish["message_id"]))
                return {}
        raise SetupError(f"no such verb: {wish['verb']}")

    def _find(self, wish: Mapping[str, Any]) -> ResponseMessage:
        stored = self._world.backend.get_message(self._world.channel.id, int(wish["message_id"]))
        return ResponseMessage(self._world.env, stored)

    def _outcome(self, result: InteractionResult) -> dict[str, Any]:
        record = result._interaction  # noqa: SLF001 - its id is nowhere public
        if result.modal is not None:
            self._shown[record.id] = result
        response = result.response
        return {
            "interaction_id": str(record.id),
            "acknowledged": result.acknowledged,
            "deferred": result.deferred,
            "ephemeral": result.ephemeral,
            "modal": result.modal,
            "message_id": None if response is None else str(response.id),
            "followup_ids": [str(message.id) for message in result.followups],
        }

    def _message(self, message: Message) -> dict[str, Any]:
        return {
            "id": str(message.id),
            "author": self._world.backend.users[message.author_id].name,
            "content": message.content,
            "ephemeral": bool(message.flags & _EPHEMERAL),
            "flags": message.flags,
            "embeds": message.embeds,
            "attachments": [
                {key: each[key] for key in ("filename", "url", "size")}
                for each in message.attachments
            ],
            "components": [
                {key: each.get(key) for key in ("type", "label", "custom_id", "disabled", "url")}
                for each in walk_components(message.components)
            ],
            "edits": self._edits.get(message.id, 0),
        }


def _option(value: object) -> object:
    """Turn ``{"filename", "base64"}`` into the upload simcord expects; leave the rest."""
    if isinstance(value, dict) and value.keys() == {"filename", "base64"}:
        return value["filename"], base64.b64decode(value["base64"])
    return value
