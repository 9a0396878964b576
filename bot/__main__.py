"""Run the bot: `python -m bot`.

Ends with 0 on SIGTERM, with a sentence and 2 on a bad setting, 4 when a server does not answer.
"""

import asyncio
import contextlib
import logging
import signal
import sys
from typing import TextIO, cast

import aiohttp
import discord
import structlog
import yarl
from pydantic import ValidationError

from backend.bootstrap.log_stream import LogStream
from backend.bootstrap.opening import open_services
from backend.domain.errors import ImpastoError, Unavailable
from bot.client import ImpastoBot
from bot.settings import BotSettings

EXIT_BAD_SETTING, EXIT_UNAVAILABLE = 2, 4
_DRAIN_S = 5.0
_TOLD_NONE = (
    "IMPASTO_DISCORD_TOKEN is not set. Make a bot at https://discord.com/developers/applications "
    "and set its token, or try `impasto demo`, which needs none."
)
_TOLD_WRONG = (
    "Discord does not accept IMPASTO_DISCORD_TOKEN. Copy the token again from the Bot page of "
    "https://discord.com/developers/applications."
)
_TOLD_FORBIDDEN = (
    "Discord does not let the bot register its commands. Invite it with the scopes `bot` and "
    "`applications.commands`, and check IMPASTO_DISCORD_GUILD_ID."
)
_TOLD_AWAY = (
    "Discord does not answer. Check this host's connection, and IMPASTO_DISCORD_API_BASE if you "
    "set it."
)


class DiscordAway(Exception):
    """Discord cannot be reached, or answers with nothing but errors."""


class WrongSetting(Exception):
    """A setting without which the bot cannot run; its text says which and what to do."""


def main() -> int:
    """Run the bot until it is told to stop, and return the exit code."""
    try:
        settings = BotSettings()
        asyncio.run(run(settings))
    except ValidationError as error:
        names = ", ".join(f"IMPASTO_{str(one['loc'][0]).upper()}" for one in error.errors())
        return _complain(f"These settings cannot be read: {names}.")
    except WrongSetting as error:
        return _complain(str(error))
    except DiscordAway as error:
        return _complain(str(error), EXIT_UNAVAILABLE)
    except ImpastoError as error:
        status = EXIT_UNAVAILABLE if isinstance(error, Unavailable) else EXIT_BAD_SETTING
        return _complain(f"{error.message} {error.way_out}".strip(), status)
    except KeyboardInterrupt:
        pass
    return 0


async def run(settings: BotSettings) -> None:
    """Open the services, log in, and serve until SIGTERM.

    Raises:
        WrongSetting: no token is set, or Discord refuses it.
        DiscordAway: Discord does not answer.

    """
    if settings.discord_token is None:
        raise WrongSetting(_TOLD_NONE)
    point_at(settings)
    log_as_json()
    async with open_services() as services:
        bot = ImpastoBot(services=services, options=settings.client_options())
        async with bot:
            try:
                await bot.login(settings.discord_token.get_secret_value())
            except discord.LoginFailure as error:
                raise WrongSetting(_TOLD_WRONG) from error
            except discord.Forbidden as error:
                raise WrongSetting(_TOLD_FORBIDDEN) from error
            except (discord.DiscordServerError, aiohttp.ClientError) as error:
                raise DiscordAway(_TOLD_AWAY) from error
            await _serve(bot)


def point_at(settings: BotSettings) -> None:
    """Let Discord's library talk to another server, if one is set."""
    if settings.discord_api_base:
        discord.http.Route.BASE = settings.discord_api_base
    if settings.discord_gateway:
        discord.gateway.DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(settings.discord_gateway)


def log_as_json() -> None:
    """Write one JSON object a line to standard error; Discord's library only its warnings."""
    stream = cast("TextIO", LogStream(sys.stderr))
    processors: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        # Without the local variables, which hold tokens and prompts.
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[*processors, structlog.processors.JSONRenderer()],
        logger_factory=structlog.PrintLoggerFactory(file=stream),
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=processors, processor=structlog.processors.JSONRenderer()
        )
    )
    handler.setLevel(logging.WARNING)
    logging.getLogger().addHandler(handler)


async def _serve(bot: ImpastoBot) -> None:
    """Stay connected and deliver until the first of them ends or SIGTERM comes."""
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stopping.set)
    # Not from `setup_hook`: whoever tests the bot decides what listens.
    tasks = {
        asyncio.create_task(bot.connect(), name="gateway"),
        asyncio.create_task(bot.deliveries.run(), name="deliveries"),
        asyncio.create_task(bot.desk.run(), name="desk"),
    }
    told_to_stop = asyncio.create_task(stopping.wait())
    done, pending = await asyncio.wait({*tasks, told_to_stop}, return_when=asyncio.FIRST_COMPLETED)
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(bot.deliveries.drain(), _DRAIN_S)
    await bot.close()
    for task in pending:
        task.cancel()
    await asyncio.gather(*pending, return_exceptions=True)
    for task in done:
        await task


def _complain(sentence: str, status: int = EXIT_BAD_SETTING) -> int:
    sys.stderr.write(sentence + "\n")
    return status


if __name__ == "__main__":
    sys.exit(main())
