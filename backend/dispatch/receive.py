"""Receives what workers report, in order and at least once; the use case makes it once."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Final, Protocol

import structlog
from pydantic import ValidationError

from backend.contracts import RenderPreview, RenderProgress, RenderReport, parse_report
from backend.dispatch.waiting import pause, until
from backend.domain.errors import Unavailable
from backend.service.ports import Clock
from backend.service.reports import Reports

REPORT_FIELD: Final = "report"
REPORT_GROUP: Final = "dispatcher"
# Only the leader reads, so the next leader finds at once what the last one had in hand.
REPORT_CONSUMER: Final = "leader"
APPLY_TRIES: Final = 4
APPLY_RETRY_S: Final = 0.2
# What is reported just before a read ends may be read only by the next one.
READ_MARGIN: Final = timedelta(seconds=0.5)

_log = structlog.get_logger(__name__)


class Entry(Protocol):
    """One entry of the report stream; `payload` is a report as JSON, None in a mere nudge."""

    @property
    def id(self) -> bytes:
        """The entry's name, for its ack."""

    @property
    def payload(self) -> bytes | None:
        """The report."""


class ReportFeed(Protocol):
    """The report stream, as its one reader sees it."""

    @property
    def is_caught_up(self) -> bool:
        """Whether the last read reached the end."""

    async def read(self) -> Sequence[Entry]:
        """Return the next entries, none after a while without; waits out lost connections."""

    async def ack(self, entry_id: bytes, *, delete: bool = False) -> None:
        """Be done with an entry."""

    def rewind(self) -> None:
        """Read next what was read, by us or a namesake, and never acked."""


class Receiver:
    """Applies reports one after the other. An entry is acked when its effect is committed.

    `on_news` is called after whatever may have made room for another job.
    """

    def __init__(
        self,
        *,
        feed: ReportFeed,
        reports: Reports,
        on_news: Callable[[], None],
        clock: Clock,
        retry_s: float = APPLY_RETRY_S,
    ) -> None:
        self._feed = feed
        self._reports = reports
        self._on_news = on_news
        self._clock = clock
        self._retry_s = retry_s
        self._is_caught_up = False
        self._heard_until: datetime | None = None

    @property
    def heard_until(self) -> datetime | None:
        """The moment up to which all that was reported is applied; None until that is known.

        A lease that ends later may have been renewed by a report that is still to be read. To ask
        for a moment without any unread report would be to wait for ever: a busy house has none.
        """
        if self._is_caught_up and self._feed.is_caught_up:
            return self._clock() - READ_MARGIN
        return self._heard_until

    async def run(self, ended: asyncio.Event) -> None:
        """Receive until `ended`."""
        # Another may have led meanwhile, and left something in hand.
        self._feed.rewind()
        while not ended.is_set():
            entries = await until(ended, self._feed.read())
            read_at = self._clock()
            if entries:
                self._is_caught_up = False
            for entry in entries or ():
                if await self._handle(entry, ended):
                    await self._feed.ack(entry.id, delete=True)
            self._is_caught_up = self._feed.is_caught_up
            if self._is_caught_up:
                self._heard_until = read_at - READ_MARGIN
        self._is_caught_up, self._heard_until = False, None

    async def _handle(self, entry: Entry, ended: asyncio.Event) -> bool:
        """Apply one entry; True if it is done with."""
        if entry.payload is None:
            # A worker only asks to be looked at.
            self._on_news()
            return True
        try:
            report = parse_report(entry.payload)
        except ValidationError as error:
            # Not the error itself: it quotes the input.
            _log.error("report_malformed", entry=entry.id, problems=error.error_count())
            return True
        return await self._apply(report, ended)

    async def _apply(self, report: RenderReport, ended: asyncio.Event) -> bool:
        """Apply a report, with patience while the store is away; True if it is done with.

        One that fails in any other way is dropped in the end, and the job's lease runs out.
        """
        tries = 0
        while tries < APPLY_TRIES and not ended.is_set():
            try:
                await self._reports.apply(report)
            except Unavailable:
                await pause(ended, self._retry_s)
            except Exception:  # noqa: BLE001 - one bad report must not stop the others
                tries += 1
                _log.exception("report_not_applied", job_id=report.job_id, kind=report.kind)
                await pause(ended, self._retry_s)
            else:
                if not isinstance(report, RenderProgress | RenderPreview):
                    self._on_news()
                return True
        return tries == APPLY_TRIES
