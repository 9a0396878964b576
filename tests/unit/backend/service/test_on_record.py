"""Who saw, decided and changed what: each is on record before it has any effect."""

import hashlib
import io

import pytest
from PIL import Image

from backend.domain.errors import JobNotFound, NotYours, PictureBlocked, Unavailable
from backend.domain.families import ModelFamily
from backend.service.in_force import InForce
from tests.builders import a_request, a_requester, at
from tests.fakes.audit import MemoryAuditLog
from tests.fakes.services import FakeWorkshop
from tests.fakes.uploads import FORBIDDEN_COLOUR

MODERATOR = a_requester("mod", is_moderator=True)


@pytest.fixture
def workshop() -> FakeWorkshop:
    return FakeWorkshop()


def a_png(colour: tuple[int, int, int]) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (32, 32), colour).save(buffer, "PNG")
    return buffer.getvalue()


async def a_held_job(workshop: FakeWorkshop):
    return (await workshop.services.generations.submit(a_request("a forbidden fox"))).job


async def test_who_lists_held_jobs_is_on_record_with_what_was_shown(workshop):
    job = await a_held_job(workshop)
    (card,) = await workshop.services.moderation.reviews.open_cards(MODERATOR)
    assert card.job.id == job.id
    entry = workshop.audit.entries[-1]
    assert (entry.action, entry.actor, entry.outcome) == ("review.listed", "discord:mod", "seen")
    assert entry.detail == {"count": "1", "reviews": card.review.id}


async def test_all_of_many_that_were_listed_are_on_record(workshop):
    jobs = [await a_held_job(workshop) for _ in range(30)]
    cards = await workshop.services.moderation.reviews.open_cards(MODERATOR, limit=100)
    detail = dict(workshop.audit.entries[-1].detail)
    assert detail.pop("count") == "30"
    assert " ".join(detail.values()).split() == [card.review.id for card in cards]
    assert {card.job.id for card in cards} == {job.id for job in jobs}


async def test_who_reads_one_review_is_on_record(workshop):
    job = await a_held_job(workshop)
    reviews = workshop.services.moderation.reviews
    review = await reviews.newest_of(job.id)
    card = await reviews.look(review.id, MODERATOR)
    assert card.job.id == job.id
    entry = workshop.audit.entries[-1]
    assert (entry.action, entry.actor, entry.outcome) == ("review.viewed", "discord:mod", "seen")
    assert (entry.subject, entry.detail["job"]) == (f"review:{review.id}", job.id)


async def test_who_reads_what_people_ask_to_be_removed_is_on_record(workshop):
    requests = workshop.services.moderation.requests
    asked, _ = await requests.ask(link="gen_" + "0" * 20, words="mine", contact="a@b.example")
    await requests.all(MODERATOR)
    entry = workshop.audit.entries[-1]
    assert (entry.action, entry.actor) == ("removal_request.listed", "discord:mod")
    assert entry.detail == {"count": "1", "requests": asked.id}
    assert "b.example" not in str(entry)


async def test_who_lists_what_is_on_file_of_child_safety_is_on_record(workshop):
    await workshop.services.moderation.safety.all(by="operator:ann")
    entry = workshop.audit.entries[-1]
    assert (entry.action, entry.actor) == ("child_safety.listed", "operator:ann")
    assert entry.detail["count"] == "0"


async def test_a_moderator_who_looks_at_somebodys_job_is_on_record(workshop):
    job = await a_held_job(workshop)
    await workshop.services.generations.view(job.id, MODERATOR)
    entry = workshop.audit.entries[-1]
    assert (entry.action, entry.actor) == ("job.viewed", "discord:mod")
    assert entry.subject == f"job:{job.id}"
    assert entry.detail == {"account": "discord:alice", "state": "blocked"}


async def test_who_looks_at_their_own_job_is_not(workshop):
    job = await a_held_job(workshop)
    before = workshop.audit.actions()
    await workshop.services.generations.view(job.id, job.request.requester)
    with pytest.raises(JobNotFound):
        await workshop.services.generations.view(job.id, a_requester("bob"))
    assert workshop.audit.actions() == before


async def test_a_moderator_who_ends_somebodys_job_is_on_record_and_its_owner_is_not(workshop):
    generations = workshop.services.generations
    jobs = [(await generations.submit(a_request("a zebra"))).job for _ in range(2)]
    before = len(workshop.audit.entries)
    await generations.cancel(jobs[0].id, jobs[0].request.requester)
    assert len(workshop.audit.entries) == before
    await generations.cancel(jobs[1].id, MODERATOR)
    entry = workshop.audit.entries[-1]
    assert (entry.action, entry.actor) == ("job.cancelling", "discord:mod")
    assert entry.subject == f"job:{jobs[1].id}"
    assert entry.detail == {"account": "discord:alice", "state": "queued"}


async def test_a_member_who_would_end_somebodys_job_is_refused_without_a_row(workshop):
    job = (await workshop.services.generations.submit(a_request("a zebra"))).job
    before = len(workshop.audit.entries)
    with pytest.raises(NotYours):
        await workshop.services.generations.cancel(job.id, a_requester("bob"))
    assert len(workshop.audit.entries) == before


async def test_who_chooses_where_cards_appear_is_on_record(workshop):
    reviews = workshop.services.moderation.reviews
    await reviews.show_in(MODERATOR, 4711, 99)
    await reviews.show_in(MODERATOR, 4711, None)
    told = [(e.action, e.actor, e.subject, e.outcome) for e in workshop.audit.entries]
    assert told == [
        ("cards.channel_chosen", "discord:mod", "guild:4711", "changed"),
        ("cards.channel_chosen", "discord:mod", "guild:4711", "removed"),
    ]
    assert workshop.audit.entries[0].detail == {"channel": "99"}


async def test_a_refused_upload_is_on_record_by_its_content(workshop):
    red = a_png(FORBIDDEN_COLOUR)
    with pytest.raises(PictureBlocked):
        await workshop.services.uploads.add(red, a_requester())
    (entry,) = workshop.audit.entries
    assert (entry.action, entry.actor, entry.outcome) == (
        "upload.screened",
        "discord:alice",
        "block",
    )
    assert entry.subject == f"upload:{hashlib.sha256(red).hexdigest()}"
    assert entry.detail["category"]


async def test_an_upload_that_may_be_used_is_on_record_too(workshop):
    await workshop.services.uploads.add(a_png((0, 0, 255)), a_requester())
    assert [entry.outcome for entry in workshop.audit.entries] == ["allow"]


async def test_without_the_log_nobody_sees_and_nothing_is_taken_in(workshop):
    job = await a_held_job(workshop)
    workshop.audit.is_away = True
    with pytest.raises(Unavailable):
        await workshop.services.moderation.reviews.open_cards(MODERATOR)
    review = await workshop.services.moderation.reviews.newest_of(job.id)
    with pytest.raises(Unavailable):
        await workshop.services.moderation.reviews.look(review.id, MODERATOR)
    with pytest.raises(Unavailable):
        await workshop.services.moderation.requests.all(MODERATOR)
    with pytest.raises(Unavailable):
        await workshop.services.moderation.safety.all(by="operator:ann")
    with pytest.raises(Unavailable):
        await workshop.services.generations.view(job.id, MODERATOR)
    with pytest.raises(Unavailable):
        await workshop.services.uploads.add(a_png((0, 0, 255)), a_requester())
    assert workshop.darkroom.store.uploads == {}
    assert list(workshop.darkroom.objects.list_keys("")) == []


async def test_no_entry_holds_a_word_of_a_prompt(workshop):
    await a_held_job(workshop)
    await workshop.services.generations.submit(a_request("a zebra"))
    await workshop.services.moderation.reviews.open_cards(MODERATOR)
    told = " ".join(str(entry) for entry in workshop.audit.entries)
    assert "fox" not in told
    assert "zebra" not in told


def clock():
    return at(1)


async def test_the_policy_in_force_is_told_when_it_changes_and_not_before():
    audit = MemoryAuditLog()
    in_force = InForce(audit=audit, clock=clock)
    for policy, digest in [("house", "aa"), ("house", "aa"), ("house", "bb"), ("strict", "bb")]:
        await in_force.tell_policy(policy, digest=digest)
    assert [dict(entry.detail) for entry in audit.entries] == [
        {"policy": "house", "sha256": "aa"},
        {"policy": "house", "sha256": "bb"},
        {"policy": "strict", "sha256": "bb"},
    ]


async def test_models_are_told_when_they_come_change_and_go():
    audit = MemoryAuditLog()
    in_force = InForce(audit=audit, clock=clock)
    sdxl, flux = ModelFamily.SDXL, ModelFamily.FLUX
    for sources in [
        {sdxl: "starter"},
        {sdxl: "starter"},
        {sdxl: "big", flux: "schnell"},
        {flux: "schnell"},
        {flux: "schnell"},
        {sdxl: "big", flux: "schnell"},
    ]:
        await in_force.tell_models(sources)
    told = [(e.subject, e.outcome, e.detail.get("model", "")) for e in audit.entries]
    assert told == [
        ("family:sdxl", "added", "starter"),
        ("family:sdxl", "changed", "big"),
        ("family:flux", "added", "schnell"),
        ("family:sdxl", "removed", ""),
        ("family:sdxl", "added", "big"),
    ]


async def test_a_log_that_is_away_does_not_stop_a_start():
    audit = MemoryAuditLog()
    audit.is_away = True
    in_force = InForce(audit=audit, clock=clock)
    await in_force.tell_policy("house", digest="aa")
    await in_force.tell_models({ModelFamily.SDXL: "starter"})
    assert audit.entries == []
