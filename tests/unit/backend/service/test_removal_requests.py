"""Requests for removal by anybody: listed pictures are sealed, the others are before a person."""

import hashlib
import io
import os
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from PIL import Image

from backend.domain.child_safety import SafetyReportState
from backend.domain.errors import ModeratorsOnly, PictureBlocked
from backend.domain.removals import RequestState
from backend.domain.requests import AccountId
from backend.domain.results import GenerationResult, ImageVariant
from safety.fingerprint import fingerprint
from safety.hash_list import HashList
from safety.hash_lists import open_hash_lists
from tests.builders import a_request, a_requester, an_image
from tests.fakes.child_safety import MemorySafetyReportStore
from tests.fakes.services import FakeWorkshop
from tests.unit.safety.pictures import made_picture

MODERATOR = a_requester("mod", is_moderator=True)


def png(picture: Image.Image) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, format="PNG")
    return buffer.getvalue()


def lists_of(folder: Path, *pictures: Image.Image, category: str = "") -> Sequence[HashList]:
    """Return a list in a file that knows some pictures; they are patches of colour."""
    folder.joinpath("vetted.csv").write_text(
        "hash,id\n" + "".join(f"{fingerprint(p).hex},entry-{n}\n" for n, p in enumerate(pictures))
    )
    said = f'category = "{category}"\n' if category else ""
    document = folder / "lists.toml"
    document.write_text(f'[[list]]\nname = "vetted"\nkind = "file"\npath = "vetted.csv"\n{said}')
    return open_hash_lists(document, cache=folder)


async def test_a_listed_picture_is_on_file_and_nothing_of_it_is_before_moderators(
    tmp_path: Path,
) -> None:
    picture = made_picture(3)
    workshop = FakeWorkshop(hash_lists=lists_of(tmp_path, picture))
    turned = png(picture.transpose(Image.Transpose.ROTATE_90))
    requests = workshop.services.moderation.requests
    asked, secret = await requests.ask(picture=turned, words="take it away", contact="a@b.example")
    store = MemorySafetyReportStore(memory=workshop.memory)
    [report] = await store.all()
    assert (report.list_name, report.entry) == ("vetted", "entry-0")
    assert report.distance is not None
    assert report.distance <= 31
    assert report.state is SafetyReportState.TO_REPORT
    assert report.evidence == ()
    assert workshop.memory.reviews == {}
    assert await requests.unseen() == []
    # Whoever asked reads nothing of it, and of the picture no hash is kept with the request.
    other, others_secret = await requests.ask(
        picture=png(made_picture(4)), words="that is my child"
    )
    assert (await requests.status(secret))[1] is (await requests.status(others_secret))[1]
    assert asked.matches == other.matches
    assert (asked.matches, asked.sha256, asked.fingerprint) == (0, "", "")
    assert list(workshop.objects.list_keys("")) == []
    actions = [entry.action for entry in workshop.memory.audit]
    assert actions.index("child_safety.found") < actions.index("removal.requested")
    standing = await workshop.standings.standing_of(AccountId(report.account_id))
    assert not standing.is_barred


async def test_a_part_of_a_listed_picture_and_one_in_a_frame_are_known_too(tmp_path: Path) -> None:
    picture = made_picture(5, size=(450, 450))
    workshop = FakeWorkshop(hash_lists=lists_of(tmp_path, picture))
    framed = Image.new("RGB", (520, 560), "white")
    framed.paste(picture, (30, 50))
    asked, _ = await workshop.services.moderation.requests.ask(picture=png(framed))
    assert asked.is_sealed


async def test_while_a_list_is_stale_no_picture_is_looked_for(tmp_path: Path) -> None:
    lists = lists_of(tmp_path, made_picture(3))
    os.utime(tmp_path / "vetted.csv", (time.time() - 8 * 24 * 3600,) * 2)
    workshop = FakeWorkshop(hash_lists=lists)
    requests = workshop.services.moderation.requests
    with pytest.raises(PictureBlocked) as refused:
        await requests.ask(picture=png(made_picture(4)))
    assert refused.value.category == "check_failed"
    assert "send it again" in refused.value.way_out
    assert await requests.all(MODERATOR) == []
    # A link is read all the same.
    _, secret = await requests.ask(link="gen_" + "0" * 20)
    assert (await requests.status(secret))[1] is RequestState.NOT_FOUND


async def test_lists_of_other_things_do_not_seal(tmp_path: Path) -> None:
    lists = lists_of(tmp_path, made_picture(3), category="removed_picture")
    workshop = FakeWorkshop(hash_lists=lists)
    asked, _ = await workshop.services.moderation.requests.ask(picture=png(made_picture(3)))
    assert not asked.is_sealed
    assert asked.fingerprint == fingerprint(made_picture(3)).hex


async def test_a_request_without_a_match_is_unseen_until_shown_and_seeing_is_on_record() -> None:
    workshop = FakeWorkshop()
    requests = workshop.services.moderation.requests
    asked, _ = await requests.ask(picture=png(made_picture(3)), words="me")
    assert await requests.unseen() == [asked]
    with pytest.raises(ModeratorsOnly):
        await requests.see(asked.id, a_requester("bob"))
    await requests.see(asked.id, MODERATOR)
    [seen] = [one for one in workshop.memory.audit if one.action == "removal_request.seen"]
    assert (seen.actor, seen.subject) == (MODERATOR.account_id, f"request:{asked.id}")


async def test_whoever_sends_the_grid_asks_for_each_picture_in_it() -> None:
    workshop = FakeWorkshop()
    grid = png(made_picture(8))
    digests = {
        ImageVariant.ORIGINAL: "d0",
        ImageVariant.GRID: hashlib.sha256(grid).hexdigest(),
    }
    images = (an_image(0, digests=digests), an_image(1), an_image(2))
    job = await workshop.deliver(a_request(), GenerationResult(images=images))
    asked, _ = await workshop.services.moderation.requests.ask(picture=grid, words="the third")
    assert asked.matches == 3
    found = {(one.job_id, one.picture_index) for one in workshop.memory.reviews.values()}
    assert found == {(job.id, 0), (job.id, 1), (job.id, 2)}
