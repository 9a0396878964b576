"""Reads a request with the pictures it is given: for a submission and for a dry run alike."""

import asyncio
from dataclasses import dataclass, replace
from typing import Final

from backend.domain.prompts import Effort
from backend.domain.requests import GenerationRequest
from backend.prompt.house import House
from backend.prompt.interpreter import Interpret
from backend.prompt.pipeline import Understood, understand_all
from backend.service.fleet import Fleet
from backend.service.given_pictures import Given, GivenPictures
from backend.service.named_pictures import NamedPictures
from backend.service.policies import Screens
from backend.service.preferences import SavedPreferences, preferences_for

NO_PICTURES: Final = Given(effort=Effort())
NOTHING_FETCHED: Final = NamedPictures(links=None, uploads=None, given=None)


@dataclass(frozen=True, kw_only=True)
class Reader:
    """What reading needs; without `given` no pictures are looked at."""

    screens: Screens
    fleet: Fleet
    house: House | None = None
    interpret: Interpret | None = None
    preferences: SavedPreferences | None = None
    given: GivenPictures | None = None
    named: NamedPictures = NOTHING_FETCHED

    async def read(self, request: GenerationRequest) -> tuple[Given, tuple[Understood, ...]]:
        """Return what its pictures say, and all prompts that its text stands for.

        Raises:
            BadInput: it cannot be understood.
            JobNotFound, ImageNotFound, UploadNotFound: a picture it names is not there.
            PictureOperationInvalid: it names too many.
            NotTranslated: it cannot be translated, and no other words are drawn here.

        """
        given = await self.given.look(request) if self.given else NO_PICTURES
        # A translation may take seconds.
        understood = await asyncio.to_thread(
            understand_all,
            given.prepare(request),
            screen=await self.screens.at(request.requester.place),
            default_family=self.fleet.default_family(),
            house=self.house,
            interpret=self.interpret,
            preferences=await preferences_for(request, self.preferences),
        )
        await self.named.check([one.variant for one in understood], request)
        return given, understood

    async def with_wishes(self, request: GenerationRequest) -> GenerationRequest:
        """Return a request with what its account wants of all its pictures' files."""
        if request.writes_parameters or self.preferences is None:
            return request
        saved = await self.preferences.of(request.requester)
        return replace(request, writes_parameters=saved.writes_parameters)
