"""What goes on beside a block: round after round, whatever breaks, until the block ends."""

import asyncio

from structlog.testing import capture_logs

from backend.service.meanwhile import in_rounds, meanwhile

WORDS = "a fox of a prompt"


class Rounds:
    """Counts rounds; the first breaks in a way nobody foresaw."""

    def __init__(self) -> None:
        self.count = 0
        self.three_were_done = asyncio.Event()

    async def one(self) -> None:
        self.count += 1
        if self.count == 1:
            raise LookupError(WORDS)
        if self.count == 3:
            self.three_were_done.set()


async def test_a_round_that_breaks_is_told_and_others_follow() -> None:
    rounds = Rounds()
    with capture_logs() as told:
        async with asyncio.timeout(10), meanwhile(in_rounds(rounds.one, every_s=0, name="tiers")):
            await rounds.three_were_done.wait()
    broke = [entry for entry in told if entry["event"] == "round_broke"]
    (entry,) = broke
    assert (entry["of"], entry["log_level"], entry["reason"]) == ("tiers", "error", "LookupError")
    assert "test_meanwhile" in entry["trace"]
    assert WORDS not in str(entry)


async def test_rounds_end_with_their_block() -> None:
    rounds = Rounds()
    async with asyncio.timeout(10), meanwhile(in_rounds(rounds.one, every_s=0, name="tiers")):
        await rounds.three_were_done.wait()
    done = rounds.count
    for _ in range(10):
        await asyncio.sleep(0)
    assert rounds.count == done


async def test_a_first_round_may_be_waited_for() -> None:
    rounds = Rounds()
    async with meanwhile(in_rounds(rounds.one, every_s=3600, name="tiers", at_once=False)):
        for _ in range(10):
            await asyncio.sleep(0)
    assert rounds.count == 0
