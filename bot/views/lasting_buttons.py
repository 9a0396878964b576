"""What all buttons of a job, and of one picture, have in common; a kind says how it looks."""

import re
from typing import Any, Self

import discord

from backend.domain.requests import JobId

_NOTHING = r"(?!)"


class JobButton(discord.ui.DynamicItem[discord.ui.Button[Any]], template=_NOTHING):
    """A button that knows its job by its id, and so survives restarts."""

    def __init__(self, job_id: JobId) -> None:
        super().__init__(self.face(job_id))
        self._job_id = job_id

    @staticmethod
    def face(job_id: JobId) -> discord.ui.Button[Any]:
        """Return how the button looks, with an id that its template matches."""
        raise NotImplementedError

    @classmethod
    async def from_custom_id(
        cls, _interaction: discord.Interaction, _item: discord.ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        return cls(JobId(match["job_id"]))


class PictureButton(discord.ui.DynamicItem[discord.ui.Button[Any]], template=_NOTHING):
    """A button that knows one picture of a job by its id, and so survives restarts."""

    def __init__(self, job_id: JobId, index: int) -> None:
        super().__init__(self.face(job_id, index))
        self._job_id = job_id
        self._index = index

    @staticmethod
    def face(job_id: JobId, index: int) -> discord.ui.Button[Any]:
        """Return how the button looks, with an id that its template matches."""
        raise NotImplementedError

    @classmethod
    async def from_custom_id(
        cls, _interaction: discord.Interaction, _item: discord.ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        return cls(JobId(match["job_id"]), int(match["index"]))
