"""Hears job events and keeps every unfinished job's message true, by one owner a job.

An event only says that a job moved; what is shown is read from the store when an edit begins. So
a lost, doubled or late event does no harm, and a sweep finds what no event told.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace

import discord
import structlog

from backend.domain.deliveries import DiscordMessage
from backend.domain.errors import JobNotFound
from backend.domain.events import JobEvent, JobEventKind
from backend.domain.jobs import Job, JobState, Progress
from backend.domain.requests import JobId
from backend.domain.reviews import NEVER_RELEASED
from backend.service.job_view import JobView
from backend.service.services import Services
from bot.delivery.editor import JobEditor
from bot.delivery.posting import Post, Poster, Unreachable
from bot.presenters.results import job_text
from bot.views.pictures import (
    DEFAULT_LIMIT_BYTES,
    Upload,
    grid_uploads,
    is_too_large,
    preview_upload,
)
from bot.views.result_buttons import buttons_for

EDIT_INTERVAL_S = 2.0
SWEEP_INTERVAL_S = 15.0
RETRY_AFTER_S = 2.0
EDITS_AT_ONCE = 16
_URGENT = frozenset(
    {
        JobEventKind.DELIVERED,
        JobEventKind.BLOCKED,
        JobEventKind.RELEASED,
        JobEventKind.FAILED,
        JobEventKind.CANCELLED,
    }
)
# Asking again would be refused again, and refusals count toward Discord's ban limit.
_NEVER_ACCEPTED = frozenset({400, 404})
_log = structlog.get_logger(__name__)


class _Owned:
    """What one job's owner remembers between edits."""

    def __init__(self, *, shown: str = "") -> None:
        self.shown = shown
        # The preview that the message has; a message found from before may have any.
        self.preview: bytes | None = b"" if shown else None
        self.progress: tuple[int, Progress] | None = None
        self.is_mute = False
        self.editor: JobEditor

    def newest_progress(self, job: Job) -> Progress | None:
        """Return the progress heard of this attempt, unless the store knows of a later step."""
        if self.progress is None or job.state is not JobState.RENDERING:
            return None
        attempt, heard = self.progress
        if attempt != job.attempt or (job.progress and job.progress.step > heard.step):
            return None
        return heard


class Deliveries:
    """Routes events to one owner a job. `owns` says which messages are this process's to edit."""

    def __init__(
        self,
        *,
        client: discord.Client,
        services: Services,
        group: str = "bot",
        owns: Callable[[DiscordMessage], bool] = lambda _message: True,
        edit_interval_s: float = EDIT_INTERVAL_S,
        sweep_interval_s: float = SWEEP_INTERVAL_S,
    ) -> None:
        self._client = client
        self._services = services
        self._group = group
        self._owns = owns
        self._edit_interval_s = edit_interval_s
        self._sweep_interval_s = sweep_interval_s
        self._poster = Poster(client=client)
        self._owned: dict[JobId, _Owned] = {}
        self._gate = asyncio.Semaphore(EDITS_AT_ONCE)

    async def run(self) -> None:
        """Listen and sweep until cancelled; started by the entry point, not by the bot."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._sweep_forever())
            tasks.create_task(self._listen_forever())

    async def deliver(self, event: JobEvent) -> None:
        """Route one event to the job's owner; jobs without a message of ours are ignored."""
        owned = self._owned.get(event.job_id)
        if owned is None:
            message = await self._services.messages.get(event.job_id)
            if message is None or message.is_final or not self._is_ours(message):
                return
            # The sweep or another event may have found the job meanwhile: one owner a job.
            owned = self._owned.get(event.job_id) or self._own(event.job_id)
        progress = _progress_of(event)
        if progress is not None:
            owned.progress = (event.attempt, progress)
        owned.editor.kick(is_urgent=event.kind in _URGENT)

    def follow(self, job_id: JobId, *, shown: str = "") -> None:
        """Look after a job's message from now on, beginning at once."""
        owned = self._owned.get(job_id) or self._own(job_id, shown=shown)
        owned.editor.kick(is_urgent=True)

    async def forget(self, job_id: JobId) -> None:
        """Record that a held job's message has shown its end."""
        view = await self._services.generations.snapshot(job_id)
        await self._services.messages.mark_shown(job_id, version=view.job.version, is_final=True)
        self._disown(job_id)

    async def sweep(self) -> None:
        """Look at every unfinished message once; the first sweep is how a new process resumes."""
        application_id = self._client.application_id
        if application_id is None:
            return
        for message in await self._services.messages.unfinished(application_id):
            if self._owns(message):
                owned = self._owned.get(message.job_id) or self._own(message.job_id)
                owned.editor.kick()

    async def drain(self) -> None:
        """Begin no more edits and wait for those in flight."""
        editors = [owned.editor for owned in self._owned.values()]
        for editor in editors:
            editor.close()
        await asyncio.gather(*(editor.drain() for editor in editors))

    async def _sweep_forever(self) -> None:
        while True:
            try:
                await self.sweep()
            except Exception:  # noqa: BLE001 - the edge of a background task; the next sweep may work
                _log.warning("delivery.sweep_failed", exc_info=True)
            await asyncio.sleep(self._sweep_interval_s)

    async def _listen_forever(self) -> None:
        while True:
            try:
                async for event in self._services.events.listen(self._group):
                    await self.deliver(event)
            except Exception:  # noqa: BLE001 - a silent broker must not end the bot; sweeps go on
                _log.warning("delivery.listening_failed", exc_info=True)
            await asyncio.sleep(RETRY_AFTER_S)

    def _is_ours(self, message: DiscordMessage) -> bool:
        return message.application_id == self._client.application_id and self._owns(message)

    def _own(self, job_id: JobId, *, shown: str = "") -> _Owned:
        owned = self._owned[job_id] = _Owned(shown=shown)

        async def show() -> bool:
            async with self._gate:
                is_end = await self._show(job_id, owned)
            if is_end and self._owned.get(job_id) is owned:
                del self._owned[job_id]
            return is_end

        owned.editor = JobEditor(show=show, interval_s=self._edit_interval_s)
        return owned

    def _disown(self, job_id: JobId) -> None:
        owned = self._owned.pop(job_id, None)
        if owned is not None:
            owned.editor.close()

    async def _show(self, job_id: JobId, owned: _Owned) -> bool:
        """Make the message true; True when there is nothing more to show."""
        message = await self._services.messages.get(job_id)
        if message is None or message.is_final:
            return True
        try:
            view = await self._services.generations.snapshot(job_id)
        except JobNotFound:
            return True
        job = view.job
        is_end = _is_end(job)
        text = job_text(view, asker_id=message.asker_id, progress=owned.newest_progress(job))
        preview = await self._services.generations.preview(job) or b""
        is_news = text != owned.shown or preview != (owned.preview or b"")
        try:
            if job.state is JobState.DELIVERED:
                await self._show_pictures(message, job, text)
            elif is_news and not _was_shown(message, job):
                await self._show_text(message, view, _text_post(job, text, preview, owned), owned)
        except discord.HTTPException as error:
            if error.status not in _NEVER_ACCEPTED:
                raise
            _log.exception("delivery.refused", job_id=job_id, code=error.code)
        owned.shown, owned.preview = text, preview
        if is_end or job.state is not JobState.RENDERING:
            await self._mark(message, job, is_end=is_end)
        return is_end

    async def _show_text(
        self, message: DiscordMessage, view: JobView, post: Post, owned: _Owned
    ) -> None:
        if view.job.state is JobState.FAILED:
            await self._finish(message, post)
        elif not owned.is_mute:
            try:
                await self._poster.edit(message, post)
            except Unreachable as unreachable:
                # Only what the asker waits for is worth a new message.
                owned.is_mute = True
                _log.info("delivery.muted", job_id=view.job.id, reason=str(unreachable))

    async def _show_pictures(self, message: DiscordMessage, job: Job, text: str) -> None:
        guild = self._client.get_guild(message.guild_id) if message.guild_id else None
        limit_bytes = guild.filesize_limit if guild is not None else DEFAULT_LIMIT_BYTES
        generations = self._services.generations
        async for upload in grid_uploads(generations, job, limit_bytes=limit_bytes):
            try:
                shown = [image.index for image in job.images]
                await self._finish(message, _picture_post(job, text, upload), shown=shown)
            except discord.HTTPException as error:
                if not is_too_large(error):
                    raise
            else:
                return

    async def _finish(
        self, message: DiscordMessage, post: Post, *, shown: Sequence[int] = ()
    ) -> None:
        """Show an end by whatever way is left, and remember where; give up when there is none.

        `shown` says which pictures it shows: one may be removed while it is on its way.
        """
        try:
            await self._poster.edit(message, post)
        except Unreachable as unreachable:
            _log.info("delivery.fallback", job_id=message.job_id, reason=str(unreachable))
            moved = await self._poster.post_anew(message, post)
        else:
            return
        if moved is None:
            _log.warning("delivery.given_up", job_id=message.job_id)
            return
        await self._services.messages.save(replace(moved, shown_version=-1))
        if shown:
            await self._services.moderation.removals.note_message(
                moved.job_id, moved.channel_id, moved.message_id, shown=shown
            )

    async def _mark(self, message: DiscordMessage, job: Job, *, is_end: bool) -> None:
        if is_end or job.version > message.shown_version:
            await self._services.messages.mark_shown(job.id, version=job.version, is_final=is_end)


def _is_end(job: Job) -> bool:
    """Say whether what is shown now is the end: a held job may yet be released."""
    if job.state is JobState.BLOCKED:
        return job.block is not None and job.block.category in NEVER_RELEASED
    return job.is_terminal


def _was_shown(message: DiscordMessage, job: Job) -> bool:
    """Say whether the message shows this very version; a place in line changes without one."""
    return message.shown_version >= job.version and job.state is JobState.BLOCKED


def _progress_of(event: JobEvent) -> Progress | None:
    step, found, steps = event.detail.partition("/")
    if event.kind is JobEventKind.PROGRESS and found and step.isdigit() and steps.isdigit():
        return Progress(step=int(step), steps=int(steps))
    return None


def _text_post(job: Job, text: str, preview: bytes, owned: _Owned) -> Post:
    """Return text, with what the pictures look like on their way; an older look is taken away."""
    files = None if preview == owned.preview else preview_upload(job, preview).files
    return Post(content=text, view=buttons_for(job), files=files)


def _picture_post(job: Job, text: str, upload: Upload) -> Post:
    content = f"{text}\n{upload.note}" if upload.note else text
    return Post(content=content, view=buttons_for(job), files=upload.files)
