"""Pictures that prompts name: fetched as uploads of the asker, screened, and told to a worker."""

import asyncio
from dataclasses import replace

import pytest

from backend.domain.errors import (
    BadInput,
    JobNotFound,
    ParameterNotSupported,
    PictureBlocked,
    PictureInvalid,
    PictureLinkUnreachable,
    PictureOperationInvalid,
    PromptEmpty,
    UploadNotFound,
)
from backend.domain.pictures import NamedPicture, PictureUse
from backend.domain.requests import ImagePrompt, PictureRef, Place, Surface
from backend.service import named_pictures
from backend.service.fingerprints import fingerprint
from backend.service.given_pictures import settled
from backend.service.named_pictures import (
    LINKS_AT_ONCE,
    LINKS_MAX,
    character_scale,
    style_scale,
)
from backend.service.recipes import document_of, request_again
from tests.builders import a_recipe, a_request, a_requester, a_result
from tests.fakes.link_servers import a_png
from tests.fakes.services import FakeWorkshop
from tests.fakes.uploads import FORBIDDEN_COLOUR, MemoryPictureLinks

FOX, OWL = "https://x.example/fox.png", "https://x.example/owl.png?ex=1&hm=2"


@pytest.fixture
def links() -> MemoryPictureLinks:
    links = MemoryPictureLinks()
    links.pictures |= {FOX: a_png(), OWL: a_png((1, 2, 3), side=96)}
    return links


@pytest.fixture
def workshop(links: MemoryPictureLinks) -> FakeWorkshop:
    return FakeWorkshop(links=links)


async def submit(workshop: FakeWorkshop, prompt: str, **fields):
    return (await workshop.services.generations.submit(a_request(prompt, **fields))).job


async def test_a_linked_picture_becomes_an_upload_of_the_asker(
    workshop: FakeWorkshop, links: MemoryPictureLinks
) -> None:
    job = await submit(workshop, f"{FOX} {OWL} a fox --iw 2")
    assert links.asked == [FOX, OWL]
    uploads = workshop.darkroom.store.uploads
    shown = [uploads[one.upload_id] for one in job.request.image_prompts if one.upload_id]
    asker = job.request.requester.account_id
    assert {one.account_id for one in uploads.values()} == {asker}
    # They may come in any order, and are shown in that of the prompt.
    assert [one.width for one in shown] == [64, 96]
    assert [one.scale for one in settled(job).image_prompts] == [2.0, 2.0]
    assert job.spec.positive_text == "a fox"
    keys = await workshop.darkroom.given.keys_of(job)
    assert keys is not None
    assert [one.key for one in keys.image_prompts] == [one.key for one in shown]


async def test_references_count_by_their_weights_and_by_that_of_their_kind(
    workshop: FakeWorkshop,
) -> None:
    prompt = f"{FOX} a fox --iw .5 --sref {OWL}::2 {FOX}::1 --sw 1000 --cref {FOX} --cw 0"
    job = await submit(workshop, prompt)
    told = [(one.use.value, one.scale) for one in settled(job).image_prompts]
    assert told == [("look", 0.5), ("style", 3.0), ("style", 1.5), ("character", 0.3)]
    assert len(workshop.darkroom.store.uploads) == 2
    assert job.spec.approximated == ("sref", "sw", "cref", "cw")


async def test_an_upload_and_a_delivered_picture_can_be_referred_to(
    workshop: FakeWorkshop,
) -> None:
    upload = await workshop.services.uploads.add(a_png(), a_requester())
    first = await workshop.deliver(a_request("a fox"), a_result(2))
    job = await submit(workshop, f"an owl --sref {upload.id} {first.id}/2")
    assert job.request.image_prompts == (
        ImagePrompt(upload_id=upload.id, use=PictureUse.STYLE),
        ImagePrompt(job_id=first.id, index=1, use=PictureUse.STYLE),
    )
    assert (await submit(workshop, f"an owl --cref {first.id}")).request.image_prompts == (
        ImagePrompt(job_id=first.id, index=0, use=PictureUse.CHARACTER),
    )


async def test_what_is_somebody_elses_cannot_be_referred_to(workshop: FakeWorkshop) -> None:
    theirs = a_requester("other")
    upload = await workshop.services.uploads.add(a_png(), theirs)
    with pytest.raises(UploadNotFound):
        await submit(workshop, f"an owl --sref {upload.id}")
    job = await workshop.deliver(a_request("a fox", requester=theirs), a_result(1))
    asker = replace(a_requester(), surface=Surface.REST)
    with pytest.raises(JobNotFound):
        await submit(workshop, f"an owl --sref {job.id}/1", requester=asker)


HERE = Place(guild_id="1", channel_id="2")


@pytest.mark.parametrize(
    ("place", "is_had"),
    [
        (replace(HERE, channel_id="3"), True),
        (replace(HERE, guild_id="9"), False),
        (None, False),
    ],
)
async def test_who_learns_an_id_has_no_picture_that_was_never_shown_to_them(
    workshop: FakeWorkshop, place: Place | None, *, is_had: bool
) -> None:
    """Whoever sends a copy to `/verify` is told an id, and with it those of its neighbours."""
    theirs = a_requester("other", place=place)
    job = await workshop.deliver(a_request("a fox", requester=theirs), a_result(2))
    asked = submit(workshop, f"an owl --sref {job.id}/2", requester=a_requester(place=HERE))
    if is_had:
        assert (await asked).request.image_prompts
        return
    with pytest.raises(JobNotFound):
        await asked


async def test_a_picture_that_may_not_be_used_ends_the_request_before_anything_is_stored(
    workshop: FakeWorkshop, links: MemoryPictureLinks
) -> None:
    links.pictures[FOX] = a_png(FORBIDDEN_COLOUR)
    with pytest.raises(PictureBlocked):
        await submit(workshop, f"{FOX} a fox")
    assert not workshop.darkroom.store.uploads
    assert not workshop.jobs.memory.jobs


@pytest.mark.parametrize("prompt", ["{link} a fox", "a fox --sref {link}", "{fox} {link} an owl"])
async def test_an_error_points_at_its_link(
    workshop: FakeWorkshop, links: MemoryPictureLinks, prompt: str
) -> None:
    gone = "https://x.example/gone.png"
    for error in (PictureLinkUnreachable("its server answers 404"), PictureInvalid()):
        links.pictures[gone] = error
        text = prompt.format(link=gone, fox=FOX)
        with pytest.raises(BadInput) as caught:
            await submit(workshop, text)
        assert caught.value.position == text.index(gone)
        assert caught.value.way_out
    links.pictures[gone] = b"<html>"
    with pytest.raises(PictureInvalid) as spoiled:
        await submit(workshop, prompt.format(link=gone, fox=FOX))
    assert spoiled.value.position is not None
    assert not workshop.jobs.memory.jobs


async def test_a_link_that_takes_too_long_is_told_and_others_are_let_go(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Slow(MemoryPictureLinks):
        async def fetch(self, link: str) -> bytes:
            if link == OWL:
                await asyncio.sleep(60)
            return await super().fetch(link)

    links = Slow()
    links.pictures[FOX] = a_png()
    monkeypatch.setattr(named_pictures, "WITHIN_S", 0.05)
    workshop = FakeWorkshop(links=links)
    with pytest.raises(PictureLinkUnreachable) as caught:
        await submit(workshop, f"{FOX} {OWL} a fox")
    assert caught.value.position == len(FOX) + 1


async def test_where_links_are_not_followed_they_are_refused_and_other_pictures_are_not() -> None:
    workshop = FakeWorkshop(links=None)
    for prompt in (f"{FOX} a fox", f"a fox --cref {FOX}"):
        with pytest.raises(ParameterNotSupported) as caught:
            await submit(workshop, prompt)
        assert caught.value.position == prompt.index(FOX)
        with pytest.raises(ParameterNotSupported):
            await workshop.services.explanations.explain(a_request(prompt))
    upload = await workshop.services.uploads.add(a_png(), a_requester())
    assert (await submit(workshop, f"a fox --sref {upload.id}")).request.image_prompts


async def test_a_dry_run_tells_of_links_and_fetches_nothing(
    workshop: FakeWorkshop, links: MemoryPictureLinks
) -> None:
    prompt = f"{FOX} a fox --iw 2 --sref {OWL}"
    (told,) = (await workshop.services.explanations.explain(a_request(prompt))).prompts
    assert links.asked == []
    assert not workshop.darkroom.store.uploads
    assert f"{FOX} would be fetched and screened, and its look taken up, with a strength of 2." in (
        told.notes
    )
    assert any(OWL in note and "style" in note for note in told.notes)


async def test_what_is_asked_for_again_fetches_nothing_again(
    workshop: FakeWorkshop, links: MemoryPictureLinks
) -> None:
    fields = {"idempotency_key": "k"}
    first = await submit(workshop, f"{FOX} a fox", **fields)
    assert (await submit(workshop, f"{FOX} a fox", **fields)).id == first.id
    assert links.asked == [FOX]


async def test_what_descends_from_a_job_keeps_its_pictures_and_fetches_nothing(
    workshop: FakeWorkshop, links: MemoryPictureLinks
) -> None:
    job = await workshop.deliver(a_request(f"{FOX} a fox --sref {OWL} --sw 1000"), a_result(1))
    again = (await workshop.services.generations.reroll(job.id, a_requester())).job
    assert settled(again).image_prompts == settled(job).image_prompts
    assert sorted(links.asked) == [FOX, OWL]


async def test_each_job_of_a_set_is_shown_its_own_picture(
    workshop: FakeWorkshop, links: MemoryPictureLinks
) -> None:
    request = a_request(f"{{{FOX}, {OWL}}} a fox {{, --seed 7}}")
    views = await workshop.services.generations.submit_all(request)
    assert len(views) == 4
    assert sorted(links.asked) == [FOX, OWL]
    shown = [view.job.request.image_prompts[0].upload_id for view in views]
    assert shown[0] == shown[1] != shown[2] == shown[3]


async def test_one_prompt_has_few_links_followed_however_many_jobs_it_stands_for(
    workshop: FakeWorkshop, links: MemoryPictureLinks
) -> None:
    many = [f"https://x.example/{number}.png" for number in range(LINKS_MAX + 1)]
    links.pictures |= {link: a_png() for link in many}
    request = a_request(f"{{{', '.join(many)}}} a fox --fast")
    with pytest.raises(PictureOperationInvalid):
        await workshop.services.generations.submit_all(request)
    assert links.asked == []


async def test_few_linked_pictures_are_in_memory_at_once_whoever_asks(
    workshop: FakeWorkshop, links: MemoryPictureLinks, monkeypatch: pytest.MonkeyPatch
) -> None:
    inside: set[str] = set()
    most = 0
    fetch = links.fetch

    async def slowly(link: str) -> bytes:
        nonlocal most
        inside.add(link)
        most = max(most, len(inside))
        for _ in range(20):
            await asyncio.sleep(0)
        inside.discard(link)
        return await fetch(link)

    monkeypatch.setattr(links, "fetch", slowly)
    many = [f"https://x.example/{number}.png" for number in range(4 * 6)]
    links.pictures |= {link: a_png() for link in many}
    prompts = [f"{' '.join(many[place : place + 4])} a fox" for place in range(0, len(many), 4)]
    asked = (
        submit(workshop, prompt, requester=a_requester(f"member-{number}"))
        for number, prompt in enumerate(prompts)
    )
    await asyncio.gather(*asked)
    assert 4 < most <= LINKS_AT_ONCE


async def test_no_more_than_four_pictures_are_looked_at(
    workshop: FakeWorkshop, links: MemoryPictureLinks
) -> None:
    with pytest.raises(PictureOperationInvalid) as caught:
        await submit(workshop, f"{FOX} {FOX} {FOX} a fox --sref {FOX} {OWL}")
    assert caught.value.position is not None
    upload = await workshop.services.uploads.add(a_png(), a_requester())
    given = (ImagePrompt(upload_id=upload.id),)
    with pytest.raises(PictureOperationInvalid):
        await submit(workshop, f"{FOX} {FOX} {FOX} {OWL} a fox", image_prompts=given)
    assert links.asked == []


async def test_two_pictures_do_without_words_and_one_does_not(workshop: FakeWorkshop) -> None:
    job = await submit(workshop, f"{FOX} {OWL} --ar 3:2")
    assert job.spec.positive_text == ""
    assert len(job.request.image_prompts) == 2
    with pytest.raises(PromptEmpty):
        await submit(workshop, FOX)


async def test_the_same_pictures_are_drawn_again_from_the_uploads_that_were_used(
    workshop: FakeWorkshop, links: MemoryPictureLinks
) -> None:
    result = a_result(1, recipe=a_recipe())
    job = await workshop.deliver(a_request(f"{FOX} a fox"), result)
    assert document_of(job).text.startswith(FOX)
    again = request_again(job, a_requester())
    assert again.image_prompts == job.request.image_prompts
    assert (await workshop.services.generations.submit(again)).job.id != job.id
    assert links.asked == [FOX]


@pytest.mark.parametrize("scale", [style_scale, character_scale])
def test_more_weight_is_more_strength(scale) -> None:
    most = 1000 if scale is style_scale else 100
    scales = [scale(weight) for weight in range(most + 1)]
    assert scales == sorted(set(scales))
    assert scale(None) == scale(100) == 1.0
    assert scales[-1] <= 3.0


def test_what_older_releases_asked_of_pictures_has_the_same_digest_still() -> None:
    plain = a_request("a fox", image_prompts=(ImagePrompt(upload_id="upl_1", scale=0.5),))
    assert fingerprint(plain) == (
        "3893fd497e2693f0536442ddaf92297809ab73ad36b0e234f7d09c205df31185"
    )
    style = ImagePrompt(upload_id="upl_1", scale=0.5, use=PictureUse.STYLE)
    assert fingerprint(a_request("a fox", image_prompts=(style,))) != fingerprint(plain)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("https://x.example/a.png", "link"),
        ("HTTP://x.example/a.png", "link"),
        ("upl_0a1b", "upload"),
        ("gen_0a1b", ("gen_0a1b", 0)),
        ("gen_0a1b/4", ("gen_0a1b", 3)),
        ("gen_0a1b-12/1", ("gen_0a1b-12", 0)),
        ("gen_0a1b/0", None),
        ("gen_0a1b/x", None),
        ("ftp://x.example/a.png", None),
        ("upl_", None),
        ("../upl_1", None),
        ("random", None),
    ],
)
def test_a_picture_has_one_kind_of_name(name: str, kind) -> None:
    picture = NamedPicture(name=name)
    kinds = {
        "link": picture.is_link,
        "upload": picture.is_upload,
        "job": picture.delivered is not None,
    }
    assert sum(kinds.values()) == (0 if kind is None else 1) == picture.is_known
    if isinstance(kind, tuple):
        assert picture.delivered == kind
    elif kind:
        assert kinds[kind]


def test_a_reference_is_a_picture_of_a_job_or_an_upload() -> None:
    assert PictureRef(upload_id="upl_1") == named_pictures.ref_of(NamedPicture(name="upl_1"))


@pytest.mark.parametrize(
    ("prompt", "idle"),
    [
        ("a fox --iw 2", "iw"),
        ("a fox --sw 200", "sw"),
        (f"a fox --sref {FOX} --cw 20", "cw"),
        (f"a fox --sref {FOX} --sw 200", ""),
        (f"{FOX} a fox --iw 2", ""),
    ],
)
async def test_a_weight_without_its_picture_is_told(
    workshop: FakeWorkshop, prompt: str, idle: str
) -> None:
    view = await workshop.services.generations.submit(a_request(prompt))
    told = [note.partition(" ")[0] for note in view.notes if "changes nothing" in note]
    assert told == ([f"--{idle}"] if idle else [])


async def test_a_weight_of_pictures_that_come_with_the_request_is_no_idle_word(
    workshop: FakeWorkshop,
) -> None:
    upload = await workshop.services.uploads.add(a_png(), a_requester())
    given = (ImagePrompt(upload_id=upload.id),)
    request = a_request("a fox --iw 2", image_prompts=given)
    view = await workshop.services.generations.submit(request)
    assert not any("changes nothing" in note for note in view.notes)
