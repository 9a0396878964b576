"""Guilds' own safety policies, for the accounts that the settings name to decide about them."""

from typing import Annotated, Any

from aiohttp import web
from pydantic import Field

from backend.domain.policies import DOCUMENT_MAX_CHARACTERS, GuildManager, PolicyRevision
from backend.domain.requests import Requester
from backend.gateway.answers import json_answer
from backend.gateway.app_keys import SERVICES
from backend.gateway.bodies import read_body
from backend.gateway.shapes import Incoming, Text
from backend.service.policy_telling import policy_as_json, revision_as_json


class PolicyIn(Incoming):
    """A policy document, in TOML."""

    document: Annotated[Text, Field(min_length=1, max_length=DOCUMENT_MAX_CHARACTERS)]


async def show(request: web.Request, requester: Requester) -> web.Response:
    """Tell what holds in a guild, and its own document if it has one."""
    desk, manager = request.app[SERVICES].policies, _manager(request, requester)
    there = await desk.show(manager)
    own = there.own
    out = {
        "object": "guild_policy",
        "guild_id": manager.guild_id,
        "in_force": policy_as_json(there.policy),
        "own": None if own is None else revision_as_json(own),
    }
    return json_answer(out)


async def history(request: web.Request, requester: Requester) -> web.Response:
    """List all that a guild's policy was, oldest first."""
    desk, manager = request.app[SERVICES].policies, _manager(request, requester)
    data = [revision_as_json(one) for one in await desk.history(manager)]
    return json_answer({"object": "list", "data": data})


async def set_own(request: web.Request, requester: Requester) -> web.Response:
    """Make a document a guild's own policy from the next prompt on."""
    desk, manager = request.app[SERVICES].policies, _manager(request, requester)
    body = await read_body(request, PolicyIn)
    return json_answer(_changed(manager, await desk.set(manager, body.document)))


async def unset(request: web.Request, requester: Requester) -> web.Response:
    """Let the deployment's policy hold in a guild again."""
    desk, manager = request.app[SERVICES].policies, _manager(request, requester)
    return json_answer(_changed(manager, await desk.unset(manager)))


def _manager(request: web.Request, requester: Requester) -> GuildManager:
    desk = request.app[SERVICES].policies
    return desk.editor(requester, request.match_info["guild_id"])


def _changed(manager: GuildManager, revision: PolicyRevision) -> dict[str, Any]:
    return {"object": "guild_policy", "guild_id": manager.guild_id, **revision_as_json(revision)}
