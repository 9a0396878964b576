"""Prompts that are held for child safety by their words alone, told by nonsense sentinels."""

from datetime import timedelta

import pytest

from backend.domain.child_safety import FreezeRules, SafetyReportState
from backend.domain.errors import AccountFrozen
from backend.domain.jobs import JobState
from backend.prompt.judging import SafetyScreen
from backend.service.safety_reports import SafetyReports
from safety.prompt_checks.blocklist.check import BlocklistPromptCheck
from safety.prompt_checks.blocklist.lexicon import read_lexicon
from tests.builders import a_request, a_requester
from tests.fakes.child_safety import MemorySafetyReportStore
from tests.fakes.moderation import MemoryStandingStore, make_moderators
from tests.fakes.services import FakeWorkshop
from tests.unit.safety.lexicons import SENTINELS

# Each another, and each held; neither word is held by itself.
HELD = [f"zqyoung zqlewd {thing}" for thing in ("lamp", "chair", "door", "cup", "boat")]


class Desk:
    """A workshop with the real screen over sentinels, and a policy of how much words count."""

    def __init__(self, rules: FreezeRules | None = None) -> None:
        lexicon = read_lexicon([SENTINELS])
        screen = SafetyScreen(checks=[BlocklistPromptCheck(lexicon=lexicon)])
        self.workshop = workshop = FakeWorkshop(screen=screen, freezes=rules)
        self.generations = workshop.services.generations
        self.file = SafetyReports(
            store=MemorySafetyReportStore(memory=workshop.memory),
            standings=MemoryStandingStore(memory=workshop.memory),
            audit=workshop.audit,
            moderators=make_moderators(memory=workshop.memory, clock=workshop.now),
            clock=workshop.now,
            rules=rules,
        )

    async def ask(self, prompt: str, **fields):
        return (await self.generations.submit(a_request(prompt, **fields))).job

    async def is_frozen(self) -> bool:
        standings = self.workshop.services.moderation.standings
        return (await standings.standing_of(a_requester().account_id)).is_frozen


async def test_one_prompt_is_on_file_with_its_facts_and_freezes_nobody():
    desk = Desk()
    job = await desk.ask(HELD[0])
    assert (job.state, job.block.category) == (JobState.BLOCKED, "child_safety")
    (report,) = await desk.file.all(by="operator:ann")
    assert (report.id, report.account_id) == (job.id, job.request.requester.account_id)
    assert (report.state, report.basis) == (SafetyReportState.ON_FILE, "words")
    assert (report.rule, report.evidence) == ("child_safety.test", ())
    assert "zq" not in str(report)
    assert not await desk.is_frozen()
    (entry,) = [one for one in desk.workshop.memory.audit if one.action == "child_safety.found"]
    assert (entry.outcome, entry.detail["basis"]) == ("on_file", "words")
    assert "zq" not in str(entry)


@pytest.mark.parametrize("prompt", ["zqyoung lamp", "zqlewd lamp", "zqlewdberry jam zqyoung"])
async def test_what_is_not_held_is_not_on_file(prompt: str):
    desk = Desk()
    assert (await desk.ask(prompt)).state is JobState.QUEUED
    assert await desk.file.all(by="operator:ann") == []


async def test_the_third_prompt_freezes_the_account_and_ends_what_it_has_open():
    desk = Desk()
    waiting = await desk.ask("a lamp")
    for prompt in HELD[:2]:
        await desk.ask(prompt)
    assert not await desk.is_frozen()
    await desk.ask(HELD[2])
    assert await desk.is_frozen()
    assert (await desk.workshop.jobs.get(waiting.id)).state is JobState.CANCELLED
    with pytest.raises(AccountFrozen):
        await desk.ask("a lamp")


async def test_to_ask_for_the_same_again_counts_once():
    desk = Desk()
    for prompt in (HELD[0], HELD[0].upper(), f"  {HELD[0]} ", HELD[0].replace(" ", "  ")):
        await desk.ask(prompt)
    assert len(await desk.file.all(by="operator:ann")) == 4
    assert not await desk.is_frozen()


async def test_one_prompt_that_stands_for_many_jobs_counts_once():
    desk = Desk()
    asked = a_request("zqyoung zqlewd {lamp, chair, door, cup}")
    views = await desk.generations.submit_all(asked)
    assert {view.job.state for view in views} == {JobState.BLOCKED}
    assert len(views) == 4
    assert [one.id for one in await desk.file.all(by="operator:ann")] == [views[0].job.id]
    assert not await desk.is_frozen()


async def test_a_set_of_which_only_some_are_held_is_on_file_by_the_first_of_those():
    desk = Desk()
    views = await desk.generations.submit_all(a_request("zqyoung {lamp, zqlewd, cup}"))
    assert [view.job.state for view in views].count(JobState.BLOCKED) == 1
    assert [one.id for one in await desk.file.all(by="operator:ann")] == [views[1].job.id]


async def test_what_is_long_ago_counts_no_more():
    desk = Desk()
    for prompt in HELD[:2]:
        await desk.ask(prompt)
    desk.workshop.seconds += timedelta(days=31).total_seconds()
    await desk.ask(HELD[2])
    assert not await desk.is_frozen()


@pytest.mark.parametrize(("most", "freezing"), [(1, 1), (2, 2), (5, 5)])
async def test_the_policy_says_which_prompt_freezes(most: int, freezing: int):
    desk = Desk(FreezeRules(prompts_to_freeze=most))
    for count, prompt in enumerate(HELD[:freezing], start=1):
        assert not await desk.is_frozen()
        await desk.ask(prompt)
        assert await desk.is_frozen() is (count == freezing)


async def test_where_the_policy_says_never_words_freeze_nobody():
    desk = Desk(FreezeRules(prompts_to_freeze=0))
    for prompt in HELD:
        await desk.ask(prompt)
    assert len(await desk.file.all(by="operator:ann")) == len(HELD)
    assert not await desk.is_frozen()


async def test_words_of_others_count_for_them_alone():
    desk = Desk()
    for name, prompt in zip(("ann", "bob", "cid"), HELD[:3], strict=True):
        await desk.ask(prompt, requester=a_requester(name))
    for name in ("ann", "bob", "cid"):
        await desk.ask("a lamp", requester=a_requester(name))


async def test_a_reading_of_words_that_was_wrong_is_released_and_counts_no_more():
    desk = Desk()
    for prompt in HELD[:3]:
        await desk.ask(prompt)
    assert await desk.is_frozen()
    await desk.file.release(
        (await desk.file.all(by="operator:ann"))[0].id, by="operator:ann", reason="a shop"
    )
    assert not await desk.is_frozen()
    await desk.ask(HELD[3])
    assert await desk.is_frozen()


async def test_what_was_read_in_words_may_be_reported_all_the_same():
    desk = Desk()
    job = await desk.ask(HELD[0])
    report = await desk.file.mark_reported(job.id, "T-1", by="operator:ann")
    assert report.state is SafetyReportState.REPORTED


async def test_a_held_prompt_asked_again_under_its_key_is_on_file_once():
    desk = Desk()
    for _ in range(3):
        await desk.ask(HELD[0], idempotency_key="one")
    assert len(await desk.file.all(by="operator:ann")) == 1
