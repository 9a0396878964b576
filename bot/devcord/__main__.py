"""Run the offline Discord: ``python -m bot.devcord --ready-file FILE``."""

import argparse
import asyncio
import ctypes
import importlib.util
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

if TYPE_CHECKING:
    from bot.devcord.server import Options

_PR_SET_PDEATHSIG = 1
_MISSING = (
    "The offline Discord needs the package simcord; install it with: "
    "pip install 'impasto[bot,demo]'\n"
)


def main(arguments: list[str] | None = None) -> int:
    """Run until a signal comes or the parent process is gone; return the exit status."""
    given = _parser().parse_args(arguments)
    if any(importlib.util.find_spec(name) is None for name in ("discord", "simcord")):
        sys.stderr.write(_MISSING)
        return 2
    _follow_parent()
    _log_to_stderr()
    from bot.devcord.server import Options

    token = given.token_file.read_text(encoding="utf-8").strip() if given.token_file else None
    options = Options(
        port=given.port,
        preview_port=given.preview_port,
        ready_file=given.ready_file,
        token=token,
        openapi=given.openapi,
        rate_limits=given.rate_limits,
    )
    asyncio.run(_run(options))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bot.devcord", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="for the bot; 0 takes a free one")
    parser.add_argument("--preview-port", type=int, default=0, help="for the page in the browser")
    parser.add_argument("--ready-file", type=Path, help="written, as JSON, once all doors are open")
    parser.add_argument("--token-file", type=Path, help="accept only this bot token, not any")
    parser.add_argument("--openapi", type=Path, help="judge every request by this document")
    parser.add_argument("--rate-limits", action=argparse.BooleanOptionalAction, default=True)
    return parser


def _log_to_stderr() -> None:
    """Keep standard output for the page's address, and local variables out of tracebacks."""
    plain = structlog.dev.ConsoleRenderer(
        colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
    )
    stamped = structlog.processors.TimeStamper(fmt="iso", utc=True)
    structlog.configure(
        processors=[structlog.processors.add_log_level, stamped, plain],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


def _follow_parent() -> None:
    """Have the kernel stop this process when the one that started it is gone (Linux only)."""
    parent = os.getppid()
    if sys.platform != "linux":
        return
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:
        sys.exit(0)


async def _run(options: "Options") -> None:
    from bot.devcord.server import offline_discord

    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with offline_discord(options) as ready:
        sys.stdout.write(f"Offline Discord: {ready['page_url']}\n")
        sys.stdout.flush()
        await stop.wait()


if __name__ == "__main__":
    sys.exit(main())
