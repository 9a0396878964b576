"""Dry runs over the starter models' own folders, with no line to look ahead in."""

from backend.domain.families import ModelFamily
from backend.models.measures import Measures
from backend.models.starters import starter_model
from backend.prompt.interpreter import Interpret
from backend.prompt.judging import PromptScreen
from backend.service.explanations import Explanations
from backend.service.fleet import Fleet
from backend.service.given_pictures import GivenPictures
from backend.service.named_pictures import NamedPictures
from backend.service.policies import Everywhere
from backend.service.ports import QueueDocuments
from backend.service.predictions import Predictions
from backend.service.preferences import SavedPreferences
from backend.service.reader import NOTHING_FETCHED, Reader
from tests.fakes.stores import MemoryPreferenceStore, MemoryQueueDocuments


def make_explanations(
    *,
    screen: PromptScreen,
    fleet: Fleet,
    preferences: SavedPreferences,
    interpret: Interpret | None = None,
    given: GivenPictures | None = None,
    named: NamedPictures = NOTHING_FETCHED,
    documents: QueueDocuments | None = None,
) -> Explanations:
    return Explanations(
        reader=Reader(
            screens=Everywhere(screen),
            fleet=fleet,
            interpret=interpret,
            preferences=preferences,
            given=given,
            named=named,
        ),
        predictions=Predictions(documents=documents or MemoryQueueDocuments()),
        measures=Measures(folders={family: starter_model(family) for family in ModelFamily}),
    )


def make_preferences() -> SavedPreferences:
    return SavedPreferences(store=MemoryPreferenceStore())
