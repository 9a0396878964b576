"""What the caller's account saves for all its prompts."""

from aiohttp import web
from pydantic import BaseModel

from backend.domain.preferences import Preferences
from backend.domain.requests import Requester
from backend.gateway.app_keys import SERVICES
from backend.gateway.bodies import read_body
from backend.gateway.shapes import Incoming, Text


class ValueIn(Incoming):
    """Parameters to save, for example `--ar 16:9 --q 2`; none takes them away."""

    value: Text


class SwitchIn(Incoming):
    """Whether something is wanted."""

    value: bool


class PreferencesOut(BaseModel):
    """Saved options by name, the suffix of all prompts, and whether files tell prompts."""

    options: dict[str, str]
    suffix: str
    metadata: bool


async def show(request: web.Request, requester: Requester) -> web.Response:
    """Tell what the account has saved."""
    return _shown(await request.app[SERVICES].preferences.of(requester))


async def set_option(request: web.Request, requester: Requester) -> web.Response:
    """Have `--name` stand for some parameters."""
    value = (await read_body(request, ValueIn)).value
    saved = request.app[SERVICES].preferences
    return _shown(await saved.set_option(requester, request.match_info["name"], value))


async def delete_option(request: web.Request, requester: Requester) -> web.Response:
    """Have `--name` stand for nothing again."""
    saved = request.app[SERVICES].preferences
    return _shown(await saved.set_option(requester, request.match_info["name"], ""))


async def set_suffix(request: web.Request, requester: Requester) -> web.Response:
    """Have some parameters follow all prompts, or none again."""
    value = (await read_body(request, ValueIn)).value
    return _shown(await request.app[SERVICES].preferences.set_suffix(requester, value))


async def set_metadata(request: web.Request, requester: Requester) -> web.Response:
    """Have the files of all coming pictures tell how they were made, or not."""
    is_on = (await read_body(request, SwitchIn)).value
    saved = request.app[SERVICES].preferences
    return _shown(await saved.set_writes_parameters(requester, is_on=is_on))


def _shown(preferences: Preferences) -> web.Response:
    out = PreferencesOut(
        options=dict(preferences.options),
        suffix=preferences.suffix,
        metadata=preferences.writes_parameters,
    )
    return web.Response(body=out.model_dump_json().encode(), content_type="application/json")
