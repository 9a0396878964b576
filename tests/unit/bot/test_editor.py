"""The owner of one job's message."""

import asyncio

from bot.delivery.editor import JobEditor

SHORT_S = 0.001
LONG_S = 3600.0


class Shown:
    """Notes what was shown of a state that changes; `gate` holds an edit in flight."""

    def __init__(self, *, interval_s: float) -> None:
        self.state = ""
        self.shown: list[str] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.in_flight = 0
        self.most_in_flight = 0
        self.error: Exception | None = None
        self.editor = JobEditor(show=self._show, interval_s=interval_s)

    async def _show(self) -> bool:
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        state = self.state
        await self.gate.wait()
        self.in_flight -= 1
        if self.error is not None:
            error, self.error = self.error, None
            raise error
        self.shown.append(state)
        return state == "end"

    def becomes(self, state: str, *, is_urgent: bool = False) -> None:
        self.state = state
        self.editor.kick(is_urgent=is_urgent)


async def turn() -> None:
    """Let everything that is ready run."""
    for _ in range(5):
        await asyncio.sleep(0)


async def test_the_newest_wins_while_an_edit_is_in_flight() -> None:
    shown = Shown(interval_s=LONG_S)
    shown.gate.clear()
    shown.becomes("1")
    await turn()
    for step in range(2, 50):
        shown.becomes(str(step))
    shown.becomes("end", is_urgent=True)
    shown.gate.set()
    await turn()
    assert shown.shown == ["1", "end"]
    assert shown.most_in_flight == 1


async def test_between_edits_there_is_a_rest() -> None:
    shown = Shown(interval_s=LONG_S)
    shown.becomes("1")
    await turn()
    shown.becomes("2")
    shown.becomes("3")
    await turn()
    assert shown.shown == ["1"]
    shown.editor.close()


async def test_after_the_rest_the_newest_is_shown() -> None:
    shown = Shown(interval_s=SHORT_S)
    shown.becomes("1")
    await turn()
    shown.becomes("2")
    shown.becomes("3")
    async with asyncio.timeout(10):
        while len(shown.shown) < 2:  # noqa: ASYNC110 - the editor offers no event to wait for
            await asyncio.sleep(SHORT_S)
    assert shown.shown == ["1", "3"]
    shown.editor.close()


async def test_the_end_does_not_wait_and_is_the_last() -> None:
    shown = Shown(interval_s=LONG_S)
    shown.becomes("1")
    await turn()
    shown.becomes("end", is_urgent=True)
    await turn()
    shown.becomes("late", is_urgent=True)
    await turn()
    assert shown.shown == ["1", "end"]
    assert shown.editor.is_closed


async def test_an_edit_that_fails_is_left_to_the_next_kick() -> None:
    shown = Shown(interval_s=LONG_S)
    shown.error = ConnectionError("no network")
    shown.becomes("1")
    await turn()
    assert shown.shown == []
    shown.becomes("end", is_urgent=True)
    await turn()
    assert shown.shown == ["end"]


async def test_draining_finishes_the_edit_in_flight_and_begins_no_other() -> None:
    shown = Shown(interval_s=LONG_S)
    shown.gate.clear()
    shown.becomes("1")
    await turn()
    shown.becomes("2", is_urgent=True)
    shown.editor.close()
    shown.gate.set()
    await shown.editor.drain()
    assert shown.shown == ["1"]
