"""What every `RemovalStore` promises."""

from dataclasses import replace
from typing import Any

from backend.domain.jobs import Job, JobState
from backend.domain.removals import (
    PlaceKind,
    Removal,
    RemovalId,
    RemovalPlace,
    RemovalRequest,
    RequestId,
)
from backend.domain.requests import AccountId, JobId
from backend.domain.results import GenerationResult, ImageVariant
from backend.domain.reviews import Decision
from backend.service.moderation_ports import Card, Complaint
from tests.builders import a_birth, a_job, an_image, at
from tests.contract.db.conftest import Stores

FILE = RemovalPlace(kind=PlaceKind.OBJECT, name="images/aa/original.png")
MESSAGE = RemovalPlace(kind=PlaceKind.MESSAGE, name="7/8")


async def delivered(stores: Stores) -> Job:
    digests = {ImageVariant.ORIGINAL: "d0", ImageVariant.WEBP: "d1"}
    images = (an_image(0, registry_id=5, digests=digests), an_image(1))
    born = await stores.jobs.add(a_birth(a_job()), fingerprint="f")
    until = at(60)
    await stores.jobs.change(born.id, lambda job: job.dispatch(now=at(1), until=until))
    await stores.jobs.change(
        born.id, lambda job: job.start(attempt=1, worker="w", now=at(2), until=until)
    )
    job = await stores.jobs.change(
        born.id,
        lambda job: job.deliver(attempt=1, result=GenerationResult(images=images), now=at(3)),
    )
    assert job is not None
    return job


def a_removal(job_id: JobId, name: str = "rem_1", *, second: float = 4) -> Removal:
    return Removal(
        id=RemovalId(name),
        job_id=job_id,
        picture_index=0,
        by=AccountId("discord:mod"),
        reason="not theirs",
        at=at(second),
        places=(MESSAGE, FILE),
    )


async def test_the_first_removal_of_a_picture_is_the_one(stores: Stores):
    job = await delivered(stores)
    first = await stores.removals.begin(a_removal(job.id))
    again = await stores.removals.begin(a_removal(job.id, "rem_2"))
    assert first.id == again.id == "rem_1"
    assert await stores.removals.get(RemovalId("rem_2")) is None
    assert [one.id for one in await stores.removals.unfinished(9, PlaceKind)] == ["rem_1"]


async def test_a_removal_is_unfinished_until_every_place_is_confirmed(stores: Stores):
    job = await delivered(stores)
    removal = await stores.removals.begin(a_removal(job.id))
    await stores.removals.confirm(removal.id, FILE, at=at(5), proof="sha256:1")
    await stores.removals.confirm(removal.id, FILE, at=at(6), proof="sha256:2")
    found = await stores.removals.get(removal.id)
    assert found is not None
    assert not found.is_finished
    (file,) = (place for place in found.places if place.kind is PlaceKind.OBJECT)
    assert (file.confirmed_at, file.proof) == (at(5), "sha256:1")
    assert await stores.removals.unfinished(9, [PlaceKind.OBJECT]) == []
    assert await stores.removals.unfinished(9, [PlaceKind.MESSAGE]) == [found]
    await stores.removals.confirm(removal.id, MESSAGE, at=at(7), proof="deleted")
    assert await stores.removals.unfinished(9, PlaceKind) == []
    told = [entry for entry in await stores.recorded() if entry.action == "picture.removed"]
    assert sorted(entry.detail["kind"] for entry in told) == ["message", "object"]


async def test_messages_in_lost_channels_stand_in_no_others_way(stores: Stores):
    lost, other = await delivered(stores), await delivered(stores)
    of_lost = await stores.removals.begin(a_removal(lost.id, second=4))
    elsewhere = RemovalPlace(kind=PlaceKind.MESSAGE, name="77/8")
    of_other = await stores.removals.begin(
        replace(a_removal(other.id, "rem_2", second=5), places=(elsewhere, FILE))
    )

    async def found(*but_in: int) -> list[str]:
        kinds = [PlaceKind.MESSAGE]
        return [one.id for one in await stores.removals.unfinished(1, kinds, but_in=but_in)]

    assert await found() == [of_lost.id]
    assert await found(7) == [of_other.id]
    assert await found(77) == [of_lost.id]
    assert await found(7, 77) == []


async def test_each_confirmation_makes_the_reviews_card_stale(stores: Stores):
    job = await delivered(stores)
    complaint = Complaint(
        account_id=AccountId("discord:bob"), job_id=job.id, picture_index=0, words="", at=at(4)
    )
    review = await stores.reviews.complain(complaint, most_since=(9, at(0)))
    removal = await stores.removals.begin(a_removal(job.id))
    assert await stores.removals.of_picture(job.id, 0) == removal
    assert await stores.removals.of_picture(job.id, 1) is None
    await stores.removals.confirm(removal.id, FILE, at=at(5), proof="x")
    assert (await stores.reviews.of_job(job.id))[0].version == review.version
    await stores.reviews.decide(
        review.id,
        lambda one: one.decided(Decision.REMOVED, by=AccountId("discord:mod"), now=at(6)),
        None,
    )
    await stores.removals.confirm(removal.id, MESSAGE, at=at(7), proof="deleted")
    await stores.removals.confirm(removal.id, MESSAGE, at=at(8), proof="deleted")
    assert (await stores.reviews.of_job(job.id))[0].version == review.version + 2


async def test_copies_are_found_by_any_of_their_files(stores: Stores):
    job = await delivered(stores)
    assert await stores.removals.copies_of(["d1", "x"]) == [(job.id, 0)]
    assert await stores.removals.copies_of(["x"]) == []


async def test_a_picture_is_taken_off_a_jobs_list_and_the_others_stay(stores: Stores):
    job = await delivered(stores)
    await stores.removals.take_from_gallery(job.id, 0, at=at(5))
    await stores.removals.take_from_gallery(job.id, 0, at=at(6))
    await stores.removals.take_from_gallery(JobId("gen_none"), 0, at=at(6))
    left = await stores.jobs.get(job.id)
    assert left is not None
    assert left.result is not None
    assert [image.index for image in left.result.images] == [1]
    assert (left.state, left.version) == (JobState.DELIVERED, job.version + 1)


async def test_messages_are_noted_once_by_job(stores: Stores):
    job_id = JobId("gen_1")
    for _ in range(2):
        await stores.removals.note_message(job_id, 7, 8, shown=[0])
    await stores.removals.note_message(JobId("gen_2"), 7, 9, shown=[0])
    assert await stores.removals.messages_of(job_id) == [(7, 8)]


def messages_in(removal: Removal) -> list[str]:
    return sorted(place.name for place in removal.places if place.kind is PlaceKind.MESSAGE)


async def test_a_message_that_was_on_its_way_when_a_removal_began_is_one_of_its_places(
    stores: Stores,
):
    job = await delivered(stores)
    listed = RemovalPlace(kind=PlaceKind.GALLERY, name=f"{job.id}/0")
    wanted = replace(a_removal(job.id), places=(FILE, listed))
    # Noted between the listing of places and the beginning, and after it.
    await stores.removals.note_message(job.id, 7, 8, shown=[0, 1])
    removal = await stores.removals.begin(wanted)
    assert messages_in(removal) == ["7/8"]
    for _ in range(2):
        await stores.removals.note_message(job.id, 7, 9, shown=[0])
    await stores.removals.note_message(job.id, 7, 10, shown=[1])
    found = await stores.removals.get(removal.id)
    assert found is not None
    assert messages_in(found) == ["7/8", "7/9"]
    assert await stores.removals.unfinished(9, [PlaceKind.MESSAGE]) == [found]


def a_removal_request(**fields: Any) -> RemovalRequest:
    plain = RemovalRequest(
        id=RequestId("req_1"),
        token_digest="ab" * 32,
        words="me",
        contact="",
        sha256="",
        fingerprint="",
        at=at(0),
    )
    return replace(plain, **fields)


async def test_a_request_is_unseen_until_its_card_is_posted_or_a_review_is_open(stores: Stores):
    plain = a_removal_request(at=at(1))
    later = replace(plain, id=RequestId("req_2"), token_digest="cd" * 32, at=at(2))
    matched = replace(
        plain, id=RequestId("req_3"), token_digest="ef" * 32, review_ids=("rev_1",), at=at(3)
    )
    for request in (later, plain, matched):
        await stores.removals.add_request(request)
    assert await stores.removals.unseen_requests(since=at(0)) == [plain, later]
    assert await stores.removals.unseen_requests(since=at(2)) == [later]
    card = await stores.cards.claim(Card(subject_id=plain.id, channel_id=7))
    assert await stores.removals.unseen_requests(since=at(0)) == [plain, later]
    await stores.cards.mark_shown(replace(card, message_id=8, shown_version=0))
    assert await stores.removals.unseen_requests(since=at(0)) == [later]


async def test_a_request_is_found_by_its_secrets_digest(stores: Stores):
    request = a_removal_request(at=at(0), review_ids=("rev_1",))
    await stores.removals.add_request(request)
    later = replace(request, id=RequestId("req_2"), token_digest="cd" * 32, at=at(9))
    await stores.removals.add_request(later)
    assert await stores.removals.request_by("ab" * 32) == request
    assert await stores.removals.request_by("ef" * 32) is None
    assert await stores.removals.requests(since=at(0), limit=9) == [later, request]
    assert await stores.removals.requests(since=at(1), limit=9) == [later]
