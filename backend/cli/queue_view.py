"""`impasto queue`: who waits, who is served and how fairly, in a table that refreshes."""

import argparse
import asyncio
import signal
import sys
import time
from typing import Final

from backend.bootstrap.servers import now, open_gauges, open_redis
from backend.cli.queue_table import as_json, table
from backend.cli.stack import NotReady, running_redis
from backend.cli.terminal import LiveScreen, may_style, painted, plain, say
from backend.cli.wait import end_as_by_ctrl_c
from backend.domain.errors import Unavailable
from backend.scheduling.gauges import Board
from backend.settings import Settings

REFRESH_S: Final = 1.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    parser.add_argument("--once", action="store_true", help="print one table and end")
    parser.add_argument("--json", action="store_true", help="print one JSON object and end")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Show the table until Ctrl-C. Exit 0, or 4 if nothing runs."""
    settings = Settings()
    style = painted if may_style(sys.stdout) else plain
    board = look(settings)
    if arguments.json:
        say(as_json(board))
    elif arguments.once:
        say("\n".join(table(board, now=now(), style=style)))
    else:
        end_as_by_ctrl_c(signal.SIGTERM, signal.SIGHUP)
        with LiveScreen(sys.stdout) as screen:
            while True:
                screen.show(_frame(settings))
                time.sleep(REFRESH_S)
    return 0


def look(settings: Settings) -> Board:
    """Read what the running installation tells of its lines.

    Raises:
        NotReady, Unavailable: nothing runs.

    """
    return asyncio.run(_read(settings.model_copy(update={"redis_url": running_redis(settings)})))


def _frame(settings: Settings) -> list[str]:
    """Return what to show now; a server that has gone may come back."""
    style = painted if may_style(sys.stdout) else plain
    try:
        return table(look(settings), now=now(), style=style)
    except NotReady as error:
        return [style(str(error), "alarm")]
    except Unavailable as error:
        return [style(error.message, "alarm")]


async def _read(settings: Settings) -> Board:
    async with open_redis(settings) as redis:
        return await open_gauges(redis).read()
