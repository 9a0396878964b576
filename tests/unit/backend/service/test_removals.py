"""A picture removed everywhere, with a confirmation for each place; on from wherever it stopped."""

import io
from dataclasses import replace

import pytest
from PIL import Image

from backend.domain.errors import ImageNotFound, ModeratorsOnly
from backend.domain.jobs import Job
from backend.domain.removals import PlaceKind, Removal
from backend.domain.results import GenerationResult, ImageRef, ImageVariant
from safety.fingerprint import fingerprint
from storage.blocked import BlockedHashes
from storage.errors import StorageUnavailable
from tests.builders import a_request, a_requester, an_image
from tests.fakes.services import FakeWorkshop

MODERATOR = a_requester("mod", is_moderator=True)


def pixels(seed: int = 30) -> Image.Image:
    return Image.effect_noise((128, 128), seed).resize((256, 256)).convert("RGB")


def png(picture: Image.Image) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, format="PNG")
    return buffer.getvalue()


def stored(workshop: FakeWorkshop, name: str, index: int, data: bytes) -> ImageRef:
    keys = {variant: f"images/{name}/{index}/{variant}" for variant in ImageVariant}
    for key in keys.values():
        workshop.objects.put(key, data, "image/png")
    digests = dict.fromkeys(ImageVariant, f"{name}-{index}")
    return an_image(index, keys=keys, digests=digests)


async def deliver(workshop: FakeWorkshop, *images: ImageRef) -> Job:
    return await workshop.deliver(a_request(), GenerationResult(images=images))


def kinds(removal: Removal) -> dict[PlaceKind, int]:
    return {kind: sum(place.kind is kind for place in removal.places) for kind in PlaceKind}


async def test_only_moderators_remove() -> None:
    workshop = FakeWorkshop()
    job = await deliver(workshop, stored(workshop, "aa", 0, png(pixels())))
    removals = workshop.services.moderation.removals
    with pytest.raises(ModeratorsOnly):
        await removals.remove(job.id, 0, a_requester("bob"), reason="x")
    assert len(list(workshop.objects.list_keys("images/"))) == len(ImageVariant)


async def test_every_file_is_gone_and_each_place_has_its_proof() -> None:
    workshop = FakeWorkshop()
    kept = stored(workshop, "bb", 1, png(pixels(60)))
    job = await deliver(workshop, stored(workshop, "aa", 0, png(pixels())), kept)
    removals = workshop.services.moderation.removals
    removal = await removals.remove(job.id, 0, MODERATOR, reason="not theirs")
    assert removal.is_finished
    assert kinds(removal) == {
        PlaceKind.FINGERPRINT: 1,
        PlaceKind.GALLERY: 1,
        PlaceKind.OBJECT: len(ImageVariant),
        PlaceKind.MESSAGE: 0,
    }
    assert all(place.proof for place in removal.places)
    assert set(workshop.objects.list_keys("images/")) == set(kept.keys.values())
    left = await workshop.jobs.get(job.id)
    assert left is not None
    assert left.result is not None
    assert [image.index for image in left.result.images] == [1]
    with pytest.raises(ImageNotFound):
        await workshop.services.generations.image(job.id, 0)


async def test_its_fingerprint_is_on_the_list_of_what_never_comes_again() -> None:
    workshop = FakeWorkshop()
    picture = pixels()
    job = await deliver(workshop, stored(workshop, "aa", 0, png(picture)))
    removal = await workshop.services.moderation.removals.remove(job.id, 0, MODERATOR, reason="x")
    blocked = BlockedHashes(objects=workshop.objects).read()
    assert blocked == {fingerprint(picture).hex: removal.id}


async def test_copies_in_other_jobs_go_too() -> None:
    workshop = FakeWorkshop()
    data = png(pixels())
    first = await deliver(workshop, stored(workshop, "aa", 0, data))
    twin = replace(stored(workshop, "bb", 3, data), digests=dict.fromkeys(ImageVariant, "aa-0"))
    second = await deliver(workshop, twin)
    removal = await workshop.services.moderation.removals.remove(first.id, 0, MODERATOR, reason="x")
    assert removal.is_finished
    assert list(workshop.objects.list_keys("images/")) == []
    left = await workshop.jobs.get(second.id)
    assert left is not None
    assert left.result is not None
    assert left.result.images == ()


async def test_a_removal_that_is_begun_twice_is_one() -> None:
    workshop = FakeWorkshop()
    job = await deliver(
        workshop,
        stored(workshop, "aa", 0, png(pixels())),
        stored(workshop, "bb", 1, png(pixels(60))),
    )
    reviews = workshop.services.moderation
    await reviews.appeals.report(job.id, 0, a_requester("bob"))
    await reviews.removals.note_message(job.id, 7, 8)
    first = await reviews.removals.remove(job.id, 0, MODERATOR, reason="x")
    assert [place.name for _, place in await reviews.removals.messages_left()] == ["7/8"]
    (removal, place) = (await reviews.removals.messages_left())[0]
    await reviews.removals.message_gone(removal, place, proof="deleted")
    again = await reviews.removals.get(first.id, MODERATOR)
    assert again.is_finished


class Broken:
    """An object store that refuses to delete for a while."""

    def __init__(self, workshop: FakeWorkshop) -> None:
        self._delete = workshop.objects.delete
        self.is_down = True

    def delete(self, key: str) -> None:
        if self.is_down:
            raise StorageUnavailable("down")
        self._delete(key)


async def test_a_removal_goes_on_when_the_store_is_back(monkeypatch: pytest.MonkeyPatch) -> None:
    workshop = FakeWorkshop()
    job = await deliver(workshop, stored(workshop, "aa", 0, png(pixels())))
    broken = Broken(workshop)
    monkeypatch.setattr(workshop.objects, "delete", broken.delete)
    removals = workshop.services.moderation.removals
    removal = await removals.remove(job.id, 0, MODERATOR, reason="x")
    assert not removal.is_finished
    assert await removals.drive() == 1
    broken.is_down = False
    assert await removals.drive() == 1
    assert (await removals.get(removal.id, MODERATOR)).is_finished
    assert await removals.drive() == 0
    assert list(workshop.objects.list_keys("images/")) == []


async def test_every_confirmation_is_on_record() -> None:
    workshop = FakeWorkshop()
    job = await deliver(workshop, stored(workshop, "aa", 0, png(pixels())))
    removal = await workshop.services.moderation.removals.remove(job.id, 0, MODERATOR, reason="x")
    told = [entry for entry in workshop.memory.audit if entry.action == "picture.removed"]
    assert len(told) == len(removal.places)
    assert sum(one.action == "picture.removal_begun" for one in workshop.memory.audit) == 1
