"""Receiving reports from a feed in memory."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from backend.contracts import RenderCancelled, RenderProgress, RenderReport
from backend.dispatch.receive import APPLY_TRIES, READ_MARGIN, Receiver
from backend.domain.errors import Unavailable
from tests.builders import NOW, at


@dataclass(frozen=True, kw_only=True)
class Slip:
    id: bytes
    payload: bytes | None


@dataclass(kw_only=True)
class MemoryFeed:
    """Gives out its slips in one batch, then ends the receiver."""

    slips: list[Slip]
    ended: asyncio.Event
    acked: list[bytes] = field(default_factory=list)
    is_caught_up: bool = False

    async def read(self) -> Sequence[Slip]:
        slips, self.slips = self.slips, []
        self.is_caught_up = not slips
        if not slips:
            self.ended.set()
            await asyncio.sleep(0)
        return slips

    async def ack(self, entry_id: bytes, *, delete: bool = False) -> None:
        assert delete
        self.acked.append(entry_id)

    def rewind(self) -> None:
        """Forget nothing: this feed gives out each slip once."""


class Ears:
    """Stands in for the use case; raises what it is told to, then listens."""

    def __init__(self, *troubles: Exception) -> None:
        self.troubles = list(troubles)
        self.heard: list[RenderReport] = []

    async def apply(self, report: RenderReport) -> None:
        if self.troubles:
            raise self.troubles.pop(0)
        self.heard.append(report)


def cancelled(job_id: str = "gen_1") -> RenderCancelled:
    return RenderCancelled(job_id=job_id, attempt=1, worker="w1")


def slip(number: int, report: RenderReport | bytes | None) -> Slip:
    payload = report if report is None or isinstance(report, bytes) else report.model_dump_json()
    encoded = payload.encode() if isinstance(payload, str) else payload
    return Slip(id=b"%d" % number, payload=encoded)


async def receive(ears: Ears, *slips: Slip) -> tuple[MemoryFeed, int]:
    """Receive the slips; return the feed and how often the dispatcher was woken."""
    ended = asyncio.Event()
    feed = MemoryFeed(slips=list(slips), ended=ended)
    woken = 0

    def wake() -> None:
        nonlocal woken
        woken += 1

    receiver = Receiver(feed=feed, reports=ears, on_news=wake, clock=lambda: NOW, retry_s=0)  # type: ignore[arg-type]  # a stand-in
    await receiver.run(ended)
    return feed, woken


async def test_reports_are_applied_in_order_and_acked() -> None:
    ears = Ears()
    feed, woken = await receive(ears, slip(1, cancelled("a")), slip(2, cancelled("b")))
    assert [report.job_id for report in ears.heard] == ["a", "b"]
    assert feed.acked == [b"1", b"2"]
    assert woken == 2


async def test_progress_frees_no_slot_and_wakes_nobody() -> None:
    step = RenderProgress(job_id="a", attempt=1, worker="w1", step=1, steps=2)
    _, woken = await receive(Ears(), slip(1, step))
    assert woken == 0


async def test_what_is_no_report_is_put_aside() -> None:
    ears = Ears()
    feed, _ = await receive(ears, slip(1, b"{}"), slip(2, None), slip(3, cancelled()))
    assert len(ears.heard) == 1
    assert feed.acked == [b"1", b"2", b"3"]


async def test_a_store_that_is_away_is_waited_for() -> None:
    ears = Ears(*(Unavailable() for _ in range(3 * APPLY_TRIES)))
    feed, _ = await receive(ears, slip(1, cancelled()))
    assert len(ears.heard) == 1
    assert feed.acked == [b"1"]


async def test_a_report_that_always_fails_is_dropped_in_the_end() -> None:
    ears = Ears(*(ValueError("a bug") for _ in range(APPLY_TRIES)))
    feed, _ = await receive(ears, slip(1, cancelled("bad")), slip(2, cancelled("good")))
    assert [report.job_id for report in ears.heard] == ["good"]
    assert feed.acked == [b"1", b"2"]


async def test_a_report_in_hand_at_the_end_is_left_for_the_next_leader() -> None:
    ended = asyncio.Event()

    class Closing(Ears):
        async def apply(self, report: RenderReport) -> None:
            ended.set()
            raise Unavailable

    feed = MemoryFeed(slips=[slip(1, cancelled())], ended=ended)
    receiver = Receiver(
        feed=feed, reports=Closing(), on_news=lambda: None, clock=lambda: NOW, retry_s=0
    )  # type: ignore[arg-type]  # a stand-in
    await receiver.run(ended)
    assert feed.acked == []
    assert receiver.heard_until is None


async def test_in_a_busy_house_all_is_heard_up_to_the_last_read_that_reached_the_end() -> None:
    ended = asyncio.Event()
    seconds = 0.0
    heard: list[datetime | None] = []

    class Slow(Ears):
        async def apply(self, report: RenderReport) -> None:
            nonlocal seconds
            heard.append(receiver.heard_until)
            seconds += 10

    class Busy(MemoryFeed):
        async def read(self) -> Sequence[Slip]:
            # Never a read without a report: there is no moment at which nothing is unread.
            self.is_caught_up = True
            heard.append(receiver.heard_until)
            if len(heard) > 4:
                ended.set()
            return [slip(len(heard), cancelled())]

    receiver = Receiver(
        feed=Busy(slips=[], ended=ended),
        reports=Slow(),  # type: ignore[arg-type]  # a stand-in
        on_news=lambda: None,
        clock=lambda: at(seconds),
    )
    await receiver.run(ended)
    waiting, in_hand = heard[2], heard[3]
    assert heard[:2] == [None, None]
    assert waiting == at(10) - READ_MARGIN
    assert in_hand == at(0) - READ_MARGIN
