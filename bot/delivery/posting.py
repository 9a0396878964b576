"""How a job's message is reached: by its interaction's token, as the bot, anew, or in private."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import Enum

import discord
import structlog

from backend.domain.deliveries import DiscordMessage
from bot.delivery.nonces import nonce_of
from bot.views.answers import only

# Tokens die at 15 minutes; refused calls count toward Discord's ban limit, so none is risked.
TOKEN_GOOD_FOR = timedelta(minutes=14)
_TOKEN_DEAD = frozenset({10015, 50027})
_MESSAGE_GONE = frozenset({10008})
# Unknown channel or guild, no access, no direct messages, no permission, archived thread.
_NOT_LET_IN = frozenset({10003, 10004, 50001, 50007, 50013, 50083})
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True)
class Post:
    """What a message is to show. `files` makes fresh files for each attempt; None leaves them."""

    content: str
    view: discord.ui.View | None
    files: Callable[[], list[discord.File]] | None = None


class Obstacle(Enum):
    """Why a message could not be edited."""

    TOKEN_DEAD = "token dead"  # noqa: S105 - a reason, not a secret
    MESSAGE_GONE = "message gone"
    NOT_LET_IN = "not let in"


class Unreachable(Exception):
    """No way leads to the message."""

    def __init__(self, obstacle: Obstacle) -> None:
        super().__init__(obstacle.value)
        self.obstacle = obstacle


def obstacle_of(error: discord.HTTPException) -> Obstacle | None:
    """Return what an answer of Discord's says about the way, or None."""
    if error.code in _TOKEN_DEAD:
        return Obstacle.TOKEN_DEAD
    if error.code in _MESSAGE_GONE:
        return Obstacle.MESSAGE_GONE
    if error.code in _NOT_LET_IN or isinstance(error, discord.Forbidden):
        return Obstacle.NOT_LET_IN
    return None


class Poster:
    """Edits and, where that is no longer possible, posts messages of jobs."""

    def __init__(self, *, client: discord.Client) -> None:
        self._client = client

    async def edit(self, message: DiscordMessage, post: Post) -> None:
        """Edit a job's message.

        Raises:
            Unreachable: the message cannot be edited any more.
            discord.HTTPException: Discord refused for another reason.

        """
        if discord.utils.utcnow() - message.token_created_at < TOKEN_GOOD_FOR and message.token:
            try:
                await self._edit_by_token(message, post)
            except discord.HTTPException as error:
                if _known_obstacle(error) is not Obstacle.TOKEN_DEAD:
                    raise Unreachable(_known_obstacle(error)) from error
            else:
                return
        if message.is_ephemeral:
            raise Unreachable(Obstacle.MESSAGE_GONE)
        try:
            await self._edit_as_bot(message, post)
        except discord.HTTPException as error:
            raise Unreachable(_known_obstacle(error)) from error

    async def post_anew(self, message: DiscordMessage, post: Post) -> DiscordMessage | None:
        """Post what a lost message should have shown: in its channel, else to the asker, else None.

        Raises:
            discord.HTTPException: Discord refused for another reason than that we are not let in.

        """
        for open_channel in (self._channel_of, self._direct_channel_of):
            try:
                sent = await self._send(await open_channel(message), message, post)
            except discord.HTTPException as error:
                if obstacle_of(error) is None:
                    raise
                _log.info("delivery.way_closed", job_id=message.job_id, code=error.code)
                continue
            is_direct = sent.channel.id != message.channel_id
            return replace(
                message,
                channel_id=sent.channel.id,
                message_id=sent.id,
                guild_id=None if is_direct else message.guild_id,
                token="",
            )
        return None

    async def _edit_by_token(self, message: DiscordMessage, post: Post) -> None:
        webhook = discord.Webhook.partial(
            message.application_id, message.token, client=self._client
        )
        await webhook.edit_message(
            message.message_id,
            content=post.content,
            view=post.view,
            attachments=_attachments(post),
            allowed_mentions=only(message.asker_id),
        )

    async def _edit_as_bot(self, message: DiscordMessage, post: Post) -> None:
        channel = self._client.get_partial_messageable(
            message.channel_id, guild_id=message.guild_id
        )
        await channel.get_partial_message(message.message_id).edit(
            content=post.content,
            view=post.view,
            attachments=_attachments(post),
            allowed_mentions=only(message.asker_id),
        )

    async def _channel_of(self, message: DiscordMessage) -> discord.abc.Messageable:
        return self._client.get_partial_messageable(message.channel_id, guild_id=message.guild_id)

    async def _direct_channel_of(self, message: DiscordMessage) -> discord.abc.Messageable:
        return await self._client.create_dm(discord.Object(message.asker_id))

    async def _send(
        self, channel: discord.abc.Messageable, message: DiscordMessage, post: Post
    ) -> discord.Message:
        reference = None
        if isinstance(channel, discord.PartialMessageable):
            lost = channel.get_partial_message(message.message_id)
            reference = lost.to_reference(fail_if_not_exists=False)
        return await channel.send(
            post.content,
            files=post.files() if post.files else [],
            view=post.view if post.view is not None else discord.utils.MISSING,
            allowed_mentions=only(message.asker_id),
            # Sent twice after a crash, it still appears once.
            nonce=nonce_of(message.job_id),
            reference=reference,  # type: ignore[arg-type]  # None is the library's own default
        )


def _known_obstacle(error: discord.HTTPException) -> Obstacle:
    """Return the obstacle behind an error, or raise the error itself."""
    obstacle = obstacle_of(error)
    if obstacle is None:
        raise error
    return obstacle


def _attachments(post: Post) -> list[discord.File]:
    return post.files() if post.files is not None else discord.utils.MISSING
