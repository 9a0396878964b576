"""Pictures that prompts name: those behind links are taken in as uploads of whoever asks."""

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Protocol

from backend.domain.errors import BadInput, PictureLinkUnreachable, PictureOperationInvalid
from backend.domain.pictures import PICTURES_MAX, NamedPicture, PictureUse
from backend.domain.prompts import PromptSpec
from backend.domain.requests import (
    GenerationRequest,
    ImagePrompt,
    JobId,
    PictureRef,
    Requester,
    UploadId,
)
from backend.prompt.parse import Variant
from backend.prompt.references import Mention
from backend.prompt.support import NOT_FETCHED, refusal
from backend.service.given_pictures import GivenPictures
from backend.service.uploads import Uploads

# Whoever asks over REST is answered within ten seconds, whatever their links do.
WITHIN_S: Final = 6.0
LINKED_BYTES_MAX: Final = 25 * 1024 * 1024
# However many jobs a prompt stands for; each link is a question to somebody's server.
LINKS_MAX: Final = 8
# Of all requests in this process: each may be a picture of 25 MiB in memory.
LINKS_AT_ONCE: Final = 8
STYLE_SCALE_MAX: Final = 3.0
# 3 * (0.1 ** this) is 1: a weight of 100 in 1000 counts as an image prompt usually does.
_STYLE_BEND: Final = 0.47712125471966244
_CHARACTER_SCALE_MIN: Final = 0.3


class PictureLinks(Protocol):
    """What lies behind links that people give us."""

    async def fetch(self, link: str) -> bytes:
        """Return a picture's bytes, not yet looked at; asks nobody inside our own network.

        Raises:
            PictureLinkInvalid: links of this kind are never followed.
            PictureLinkUnreachable: nothing came, or nothing in time.
            PictureInvalid, PictureTooLarge: what came is no picture, or too much.

        """


@dataclass(frozen=True, kw_only=True)
class Taken:
    """Links by the uploads that they have become."""

    uploads: Mapping[str, UploadId]

    def added_to(self, request: GenerationRequest, spec: PromptSpec) -> GenerationRequest:
        """Return the request with the pictures that its prompt names among those it is given."""
        if not spec.pictures:
            return request
        named = self.prompts_of(spec)
        return replace(request, image_prompts=(*request.image_prompts, *named))

    def prompts_of(self, spec: PromptSpec) -> tuple[ImagePrompt, ...]:
        """Return the pictures that a prompt names, as a network is shown them."""
        return tuple(
            ImagePrompt(**vars(self._ref_of(one)), scale=scale_of(one, spec), use=one.use)
            for one in spec.pictures
        )

    def _ref_of(self, picture: NamedPicture) -> PictureRef:
        if picture.is_link:
            return PictureRef(upload_id=self.uploads[picture.name])
        return ref_of(picture)


NOTHING_TAKEN: Final = Taken(uploads={})


class NamedPictures:
    """Checks what prompts name, and fetches what they link to; `links` None fetches nothing."""

    def __init__(
        self, *, links: PictureLinks | None, uploads: Uploads | None, given: GivenPictures | None
    ) -> None:
        self._links = links
        self._uploads = uploads
        self._given = given
        self._places = asyncio.Semaphore(LINKS_AT_ONCE)

    async def check(self, variants: Sequence[Variant], request: GenerationRequest) -> None:
        """Check that all pictures could be had; nothing is fetched.

        Raises:
            ParameterNotSupported: links are not fetched here.
            PictureOperationInvalid: there are more than are looked at, or fetched.
            JobNotFound, ImageNotFound, UploadNotFound: one is not there for this requester.

        """
        for mention in (one for variant in variants for one in variant.mentions):
            if not mention.picture.is_link:
                if self._given is not None:
                    await self._given.must_be_there(ref_of(mention.picture), request.requester)
            elif self._links is None:
                raise mention.at.blame(refusal("A link to a picture", NOT_FETCHED))
        named = (one.picture for variant in variants for one in variant.mentions)
        if len({picture.name for picture in named if picture.is_link}) > LINKS_MAX:
            raise PictureOperationInvalid(
                f"At most {LINKS_MAX} links are followed for one prompt, whatever it stands for.",
                way_out="Send the pictures as uploads, or ask for some of them later.",
            )
        most = max((len(variant.mentions) for variant in variants), default=0)
        if most and most + len(request.image_prompts) > PICTURES_MAX:
            raise PictureOperationInvalid(
                f"At most {PICTURES_MAX} pictures are looked at beside the words.",
                way_out="Leave some of them out.",
            )

    async def take_in(self, mentions: Iterable[Mention], requester: Requester) -> Taken:
        """Fetch what links lead to, each once, and keep it as uploads of the requester.

        Raises:
            BadInput: one cannot be had or used; the error points at the link.
            PictureBlocked: one may not be used here.
            TooManyUploads, Unavailable: as uploading does.

        """
        links = {one.picture.name: one for one in mentions if one.picture.is_link}
        if not links:
            return NOTHING_TAKEN
        tasks = [asyncio.ensure_future(self._take(one, requester)) for one in links.values()]
        try:
            ids = await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
        return Taken(uploads=dict(zip(links, ids, strict=True)))

    async def _take(self, mention: Mention, requester: Requester) -> UploadId:
        if self._links is None or self._uploads is None:
            raise mention.at.blame(refusal("A link to a picture", NOT_FETCHED))
        try:
            async with self._places:
                async with asyncio.timeout(WITHIN_S):
                    data = await self._links.fetch(mention.picture.name)
                upload = await self._uploads.add(data, requester, bytes_max=LINKED_BYTES_MAX)
        except TimeoutError:
            raise mention.at.blame(PictureLinkUnreachable("it took too long")) from None
        except BadInput as error:
            mention.at.blame(error)
            raise
        return upload.id


def ref_of(picture: NamedPicture) -> PictureRef:
    """Return a picture that is named as an upload or as one that a job delivered."""
    if picture.delivered is None:
        return PictureRef(upload_id=UploadId(picture.name))
    job_id, index = picture.delivered
    return PictureRef(job_id=JobId(job_id), index=index)


def scale_of(picture: NamedPicture, spec: PromptSpec) -> float:
    """Return how strongly a picture counts beside the words, from 0 to 3.

    References of one use share its strength by their weights, the strongest counting wholly.
    """
    strongest = max(one.weight for one in spec.pictures if one.use is picture.use)
    share = picture.weight / strongest
    match picture.use:
        case PictureUse.LOOK:
            return 1.0
        case PictureUse.STYLE:
            return share * style_scale(spec.style_weight)
        case PictureUse.CHARACTER:
            return share * character_scale(spec.character_weight)


def picture_notes(spec: PromptSpec) -> Iterator[str]:
    """Say in a sentence each what would become of the pictures that a prompt names."""
    for one in spec.pictures:
        scale = scale_of(one, spec)
        if one.use is PictureUse.LOOK and spec.image_weight is not None:
            scale = spec.image_weight
        how = "would be fetched and screened, and its" if one.is_link else "is there; its"
        yield f"{one.name} {how} {one.use} taken up, with a strength of {scale:g}."


def style_scale(weight: int | None) -> float:
    """Return the strength that `--sw` stands for: 0 none, 100 (and unsaid) 1, 1000 three."""
    given = 100 if weight is None else weight
    return round(STYLE_SCALE_MAX * (given / 1000) ** _STYLE_BEND, 6) if given else 0.0


def character_scale(weight: int | None) -> float:
    """Return the strength that `--cw` stands for: 0 a little, 100 (and unsaid) 1."""
    given = 100 if weight is None else weight
    return _CHARACTER_SCALE_MIN + (1 - _CHARACTER_SCALE_MIN) * given / 100
