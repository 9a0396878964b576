"""The page in which a newcomer types a command and watches the picture come.

simcord's preview publishes only when asked, and refuses an action made on a picture of the world
that has just been replaced. Here it is asked whenever something changed, and an action always
counts as made on what is current.
"""

import asyncio
from collections.abc import Mapping
from pathlib import Path

import structlog
from simcord.preview import Preview

from bot.devcord.places import WISHES, Places
from bot.devcord.world import World

_REFRESH_INTERVAL_S = 0.25
# The preview drops pages idle for ten minutes; someone reading the README takes longer.
_PAGE_LEASE_S = 24 * 3600.0

_SCRIPT = Path(__file__).with_name("page.js")

_log = structlog.get_logger(__name__)


class Page:
    """Keeps one preview open and current; its address outlives a press of "End session"."""

    def __init__(self, *, world: World, port: int) -> None:
        self._world = world
        self._port = port
        self._preview = self._build()

    @property
    def url(self) -> str:
        """Return the page's address; the part after ``#`` is a credential."""
        return str(self._preview.url)

    async def open(self) -> None:
        """Begin to serve the page."""
        async with self._world.lock:
            await self._preview.__aenter__()
        self._port = int(self.url.partition("/#")[0].rpartition(":")[2])

    async def _reopen(self) -> None:
        capability = self._preview.capability
        async with self._world.lock:
            self._preview = self._build()
        self._preview.capability = capability
        await self.open()

    def _build(self) -> Preview:
        cast = self._world.cast
        preview = self._world.env.preview(
            self._world.channel,
            viewers=[cast.alice, cast.moderator, cast.bob],
            layout="channel",
            port=self._port,
        )
        preview._PAGE_LEASE_SECONDS = _PAGE_LEASE_S  # noqa: SLF001 - simcord has no setting for it
        server = preview._server  # noqa: SLF001 - the page has no other way to be extended
        server._STATIC_FILES = {  # noqa: SLF001 - as above
            **server._STATIC_FILES,  # noqa: SLF001 - as above
            "/simcord-app.js": "app.js",
            "/app.js": str(_SCRIPT),
        }
        self._guard(preview)
        return preview

    def _guard(self, preview: Preview) -> None:
        """Let actions wait for a refresh in progress, and never call them out of date."""
        act = preview._action  # noqa: SLF001 - the one seam; simcord is pinned
        places = Places(world=self._world, preview=preview)

        async def guarded(context_id: str | None, body: object) -> dict[str, object]:
            async with self._world.lock:
                page = preview._pages.get(context_id)  # noqa: SLF001 - as above
                if page is None or not isinstance(body, Mapping):
                    return dict(await act(context_id, body))
                if body.get("kind") in WISHES:
                    return await places.grant(page, body)
                if "published_revision" in body:
                    body = {**body, "published_revision": page.revision}
                with places.where(page, body):
                    return dict(await act(context_id, body))

        preview._action = guarded  # noqa: SLF001 - as above

    async def keep_current(self) -> None:
        """Republish after every change, and reopen the page when someone ends it."""
        seen = -1
        closed = asyncio.create_task(self._preview.wait_closed())
        while True:
            await asyncio.wait({closed}, timeout=_REFRESH_INTERVAL_S)
            if closed.done():
                await self._reopen()
                closed = asyncio.create_task(self._preview.wait_closed())
            if seen == self._world.changes:
                continue
            seen = self._world.changes
            await self._refresh()
            self._world.trim()

    async def _refresh(self) -> None:
        async with self._world.lock:
            try:
                await self._preview.refresh()
            except Exception:  # noqa: BLE001 - the edge of a task: one bad moment must not end it
                _log.exception("devcord.page_not_refreshed")

    async def close(self) -> None:
        """Stop serving the page."""
        await self._preview.close()
