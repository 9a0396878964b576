"""A picture removed everywhere, with a confirmation for each place; on from wherever it stopped."""

import hashlib
import io
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from PIL import Image

from backend.bootstrap.checks import open_upload_checks
from backend.delivery.uploads import StoredUploads
from backend.domain.errors import ImageNotFound, ModeratorsOnly, PictureBlocked
from backend.domain.jobs import Job
from backend.domain.removals import PlaceKind, Removal
from backend.domain.results import TOGETHER, GenerationResult, ImageRef, ImageVariant
from backend.settings import Settings as BackendSettings
from gpu_worker.__main__ import open_screening
from gpu_worker.release.screening import Held
from gpu_worker.settings import Settings as WorkerSettings
from safety.fingerprint import fingerprint
from safety.hash_list import HashList
from safety.hash_lists import open_own_list
from safety.policy import DEFAULT_POLICY
from storage.blocked import BlockedHashes
from storage.errors import StorageUnavailable
from storage.image_store import ImageStore
from tests.builders import a_request, a_requester, an_image
from tests.fakes.services import FakeWorkshop
from tests.unit.safety.pictures import made_picture

MODERATOR = a_requester("mod", is_moderator=True)


def pixels(seed: int = 30) -> Image.Image:
    return Image.effect_noise((128, 128), seed).resize((256, 256)).convert("RGB")


def png(picture: Image.Image) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, format="PNG")
    return buffer.getvalue()


def stored(workshop: FakeWorkshop, name: str, index: int, data: bytes) -> ImageRef:
    """Store the files of a picture; the first of several has those of their grid as well."""
    variants = set(ImageVariant) if index == 0 else set(ImageVariant) - TOGETHER
    keys = {variant: f"images/{name}/{index}/{variant}" for variant in variants}
    for key in keys.values():
        workshop.objects.put(key, data, "image/png")
    digests = dict.fromkeys(variants, f"{name}-{index}")
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
    workshop.previews.shown[job.id] = b"preview"
    removals = workshop.services.moderation.removals
    removal = await removals.remove(job.id, 0, MODERATOR, reason="not theirs")
    assert removal.is_finished
    assert kinds(removal) == {
        PlaceKind.FINGERPRINT: 1,
        PlaceKind.GALLERY: 1,
        PlaceKind.OBJECT: len(ImageVariant),
        PlaceKind.PREVIEW: 1,
        PlaceKind.MESSAGE: 0,
    }
    assert workshop.previews.shown == {}
    assert all(place.proof for place in removal.places)
    assert set(workshop.objects.list_keys("images/")) == set(kept.keys.values())
    left = await workshop.jobs.get(job.id)
    assert left is not None
    assert left.result is not None
    assert [image.index for image in left.result.images] == [1]
    with pytest.raises(ImageNotFound):
        await workshop.services.generations.image(job.id, 0)


async def test_it_is_not_seen_beside_the_others_either() -> None:
    workshop = FakeWorkshop()
    images = [stored(workshop, "aa", index, png(pixels(30 + 9 * index))) for index in range(4)]
    job = await deliver(workshop, *images)
    removal = await workshop.services.moderation.removals.remove(job.id, 2, MODERATOR, reason="x")
    assert removal.is_finished
    left = set(workshop.objects.list_keys("images/"))
    assert not [key for key in left if "grid" in key or "/2/" in key]
    shown = await workshop.jobs.get(job.id)
    assert shown is not None
    assert [image.index for image in shown.images] == [0, 1, 3]
    assert {key for image in shown.images for key in image.keys.values()} == left
    assert all(set(image.digests) <= set(image.keys) for image in shown.images)


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
    await reviews.removals.note_message(job.id, 7, 8, shown=[0])
    first = await reviews.removals.remove(job.id, 0, MODERATOR, reason="x")
    # The job lists the picture no more.
    assert await reviews.removals.remove(job.id, 0, MODERATOR, reason="x") == first
    (report,) = await reviews.reviews.open_cards(MODERATOR)
    await reviews.reviews.remove(report.review.id, MODERATOR, reason="x")
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


async def test_a_broker_that_is_away_holds_up_nothing_but_the_previews() -> None:
    workshop = FakeWorkshop()
    job = await deliver(workshop, stored(workshop, "aa", 0, png(pixels())))
    workshop.previews.is_away = True
    removals = workshop.services.moderation.removals
    removal = await removals.remove(job.id, 0, MODERATOR, reason="x")
    left = [place.kind for place in removal.places if place.confirmed_at is None]
    assert left == [PlaceKind.PREVIEW]
    workshop.previews.is_away = False
    assert await removals.drive() == 1
    assert (await removals.get(removal.id, MODERATOR)).is_finished


async def test_every_confirmation_is_on_record() -> None:
    workshop = FakeWorkshop()
    job = await deliver(workshop, stored(workshop, "aa", 0, png(pixels())))
    removal = await workshop.services.moderation.removals.remove(job.id, 0, MODERATOR, reason="x")
    told = [entry for entry in workshop.memory.audit if entry.action == "picture.removed"]
    assert len(told) == len(removal.places)
    assert sum(one.action == "picture.removal_begun" for one in workshop.memory.audit) == 1


def printed(workshop: FakeWorkshop, name: str, index: int, picture: Image.Image) -> ImageRef:
    """Store a picture, with its fingerprint in the registry."""
    own = fingerprint(picture)
    return replace(
        stored(workshop, name, index, png(picture)),
        fingerprint=own.hex,
        fingerprint_quality=own.quality,
        sha256=hashlib.sha256(png(picture)).hexdigest(),
        registry_id=int.from_bytes(f"{name}{index}".encode()),
    )


def offered(workshop: FakeWorkshop) -> dict[tuple[str, int | None], str]:
    return {
        (review.job_id, review.picture_index): review.words
        for review in workshop.memory.reviews.values()
        if review.is_open
    }


async def test_what_looks_alike_is_offered_and_stays_until_somebody_decides() -> None:
    workshop = FakeWorkshop()
    picture = made_picture(7, size=(400, 400))
    turned = picture.transpose(Image.Transpose.ROTATE_90).resize((300, 300))
    part = picture.crop((20, 20, 380, 380))
    first = await deliver(workshop, printed(workshop, "aa", 0, picture))
    alike = await deliver(
        workshop,
        printed(workshop, "bb", 0, turned),
        printed(workshop, "bb", 1, part),
        printed(workshop, "bb", 2, made_picture(8)),
    )
    moderation = workshop.services.moderation
    removal = await moderation.removals.remove(first.id, 0, MODERATOR, reason="x")
    assert removal.is_finished
    assert not any("images/bb" in place.name for place in removal.places)
    assert set(offered(workshop)) == {(alike.id, 0), (alike.id, 1)}
    assert all(f"{first.id}/0" in words for words in offered(workshop).values())
    left = await workshop.jobs.get(alike.id)
    assert left is not None
    assert left.result is not None
    assert [image.index for image in left.result.images] == [0, 1, 2]


async def test_a_look_alike_that_is_confirmed_goes_and_one_that_is_left_stays() -> None:
    workshop = FakeWorkshop()
    picture = made_picture(7, size=(400, 400))
    first = await deliver(workshop, printed(workshop, "aa", 0, picture))
    mirrored = picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    alike = await deliver(
        workshop,
        printed(workshop, "bb", 0, mirrored),
        printed(workshop, "bb", 1, picture.resize((200, 200))),
    )
    moderation = workshop.services.moderation
    await moderation.removals.remove(first.id, 0, MODERATOR, reason="x")
    cards = {review.picture_index: review.id for review in workshop.memory.reviews.values()}
    await moderation.reviews.remove(cards[0], MODERATOR, reason="that too")
    await moderation.reviews.dismiss(cards[1], MODERATOR)
    left = await workshop.jobs.get(alike.id)
    assert left is not None
    assert left.result is not None
    assert [image.index for image in left.result.images] == [1]
    # What is removed is not offered because of the next one; what was left is asked about anew.
    assert set(offered(workshop)) <= {(alike.id, 1)}


async def test_a_removal_begun_again_offers_nothing_twice() -> None:
    workshop = FakeWorkshop()
    picture = made_picture(7)
    first = await deliver(
        workshop, printed(workshop, "aa", 0, picture), printed(workshop, "aa", 1, made_picture(9))
    )
    await deliver(workshop, printed(workshop, "bb", 0, picture.resize((192, 160))))
    removals = workshop.services.moderation.removals
    copies = [(first, image) for image in first.result.images[:1]] if first.result else []
    for _ in range(2):
        await removals._look_alikes.offer(copies)
    assert [review.voices for review in workshop.memory.reviews.values()] == [1]


async def test_a_removed_picture_is_neither_taken_in_nor_let_out_again(tmp_path: Path) -> None:
    workshop = FakeWorkshop()
    picture = made_picture(7, size=(400, 400))
    job = await deliver(workshop, printed(workshop, "aa", 0, picture))
    images = ImageStore(objects=workshop.objects)
    blocked = BlockedHashes(objects=workshop.objects)

    def own_list() -> tuple[HashList, ...]:
        # A fresh one each time: one that was looked in is read anew after a while.
        return (open_own_list(blocked.read),)

    open_checks = partial(open_upload_checks, BackendSettings(home=tmp_path), own_list)
    uploads = StoredUploads(images=images, open_checks=open_checks)
    await uploads.admit(png(picture), policy=DEFAULT_POLICY)
    removals = workshop.services.moderation.removals
    await removals.remove(job.id, 0, MODERATOR, reason="x")
    workshop_checks = open_screening(WorkerSettings(home=tmp_path), workshop.objects)
    framed = Image.new("RGB", (460, 480), "black")
    framed.paste(picture, (30, 50))
    again = StoredUploads(images=images, open_checks=open_checks)
    for copy in (picture, picture.transpose(Image.Transpose.ROTATE_180), framed):
        with pytest.raises(PictureBlocked) as refused:
            await again.admit(png(copy), policy=DEFAULT_POLICY)
        assert (refused.value.category, refused.value.rule) == ("removed_picture", "known.own")
    with pytest.raises(Held) as held:
        workshop_checks.approve([picture], clearances=frozenset(), timeout_s=60.0)
    assert held.value.finding.rule == "known.own"
