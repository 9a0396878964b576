"""Dry runs over the starter models' own folders, with no line to look ahead in."""

from backend.domain.families import ModelFamily
from backend.models.measures import Measures
from backend.models.starters import starter_model
from backend.prompt.pipeline import PromptScreen
from backend.service.explanations import Explanations
from backend.service.fleet import Fleet
from backend.service.predictions import Predictions
from backend.service.preferences import SavedPreferences
from tests.fakes.stores import MemoryPreferenceStore, MemoryQueueDocuments


def make_explanations(
    *, screen: PromptScreen, fleet: Fleet, preferences: SavedPreferences
) -> Explanations:
    return Explanations(
        screen=screen,
        fleet=fleet,
        predictions=Predictions(documents=MemoryQueueDocuments()),
        measures=Measures(folders={family: starter_model(family) for family in ModelFamily}),
        preferences=preferences,
    )


def make_preferences() -> SavedPreferences:
    return SavedPreferences(store=MemoryPreferenceStore())
