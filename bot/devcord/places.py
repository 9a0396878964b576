"""Where a page looks: the main channel, the moderators' one, direct messages; and a message's menu.

simcord's preview shows one channel and knows no menus. What is added here reaches it as actions of
kinds of our own, which `page.js` sends and which never get as far as the preview.
"""

import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from simcord.backend.access import can_access_channel
from simcord.backend.errors import BackendError, SetupError
from simcord.builders import ChannelHandle
from simcord.enums import AppCommandType
from simcord.preview import Preview
from simcord.preview._pages import _Page  # simcord is pinned
from simcord.results import InteractionResult, ResponseMessage

from bot.devcord.world import World

_LIST, _GO, _MENU, _PICK = "impasto_places", "impasto_go", "impasto_menu", "impasto_pick"
_DIRECT = "direct"
WISHES = frozenset({_LIST, _GO, _MENU, _PICK})


class Places:
    """What one preview can look at, and the menus of its messages."""

    def __init__(self, *, world: World, preview: Preview) -> None:
        self._world = world
        self._preview = preview

    async def grant(self, page: _Page, wish: Mapping[str, object]) -> dict[str, object]:
        """Do what the page asks for beyond what simcord's can; `error` says why not."""
        try:
            match wish["kind"]:
                case "impasto_places":
                    return {"places": self._list(page)}
                case "impasto_go":
                    self._go(page, self._known(page)[str(wish["place"])])
                case "impasto_menu":
                    return {"commands": self._menu(page)}
                case _:
                    await self._pick(page, str(wish["name"]), int(str(wish["message_id"])))
        except (SetupError, BackendError, KeyError, ValueError, TimeoutError) as refusal:
            return {"error": str(refusal)}
        return {}

    @contextmanager
    def where(self, page: _Page, body: Mapping[str, object]) -> Iterator[None]:
        """Let the preview act in the page's channel; who may not see it is led to the main one."""
        if body.get("kind") == "viewer":
            viewer = self._preview._viewer(body.get("viewer_id"))  # noqa: SLF001 - as in `page`
            if not can_access_channel(self._world.env, page.channel_id, viewer, history=True):
                page.channel_id = self._world.channel.id
        self._preview.channel = self._handle(page)
        try:
            yield
        finally:
            self._preview.channel = self._world.channel

    def _list(self, page: _Page) -> list[dict[str, object]]:
        return [
            {
                "place": place,
                "id": str(channel.id),
                "name": "Direct messages" if place == _DIRECT else f"# {channel.name}",
                "is_here": channel.id == page.channel_id,
            }
            for place, channel in self._known(page).items()
        ]

    def _known(self, page: _Page) -> dict[str, ChannelHandle]:
        """Return what the viewer may look at, by names that are the same for everybody."""
        env = self._world.env
        known = {"main": self._world.channel, "back": self._world.back_room}
        known[_DIRECT] = getattr(page.viewer, "user", page.viewer).dm_channel
        return {
            place: channel
            for place, channel in known.items()
            if can_access_channel(env, channel.id, page.viewer, history=True)
        }

    def _handle(self, page: _Page) -> ChannelHandle:
        known = self._known(page).values()
        return next((one for one in known if one.id == page.channel_id), self._world.channel)

    def _go(self, page: _Page, channel: ChannelHandle) -> None:
        preview = self._preview
        preview._clear_page_assets(page)  # noqa: SLF001 - as in `page`, here and below
        member = next(one for one in preview.viewers if one.id == page.viewer.id)
        # In direct messages people act as themselves, in a guild as its members.
        page.viewer = member if channel.guild else member.user
        page.channel_id = channel.id
        page.target_id = preview._initial_target(page.viewer, channel.id)  # noqa: SLF001
        page.window_end_id = page.target_id
        page.generation += 1
        page.modal = page.modal_handle = None
        page.status = "current"
        preview._reset_queries(page)  # noqa: SLF001
        preview._publish(page, reason="navigation")  # noqa: SLF001

    def _menu(self, page: _Page) -> list[str]:
        visible = self._world.backend.visible_commands(
            user_id=page.viewer.id, channel_id=page.channel_id, type=AppCommandType.MESSAGE
        )
        return [str(command["name"]) for command in visible]

    async def _pick(self, page: _Page, name: str, message_id: int) -> None:
        stored = self._world.backend.get_message(page.channel_id, message_id)
        channel = self._handle(page)
        message = ResponseMessage(self._world.env, stored)
        result: InteractionResult = await page.viewer.context_menu(channel, name, message)
        if result.modal is not None:
            page.modal, page.modal_handle = result, "m_" + secrets.token_urlsafe(12)
        self._preview._publish(page)  # noqa: SLF001
