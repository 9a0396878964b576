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


class PreferencesOut(BaseModel):
    """Saved options by name, and the suffix of all prompts."""

    options: dict[str, str]
    suffix: str


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


def _shown(preferences: Preferences) -> web.Response:
    out = PreferencesOut(options=dict(preferences.options), suffix=preferences.suffix)
    return web.Response(body=out.model_dump_json().encode(), content_type="application/json")
