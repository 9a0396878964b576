"""The bundle of use cases that bootstrap hands to a surface."""

from dataclasses import dataclass

from backend.service.accounts import Accounts
from backend.service.explanations import Explanations
from backend.service.fleet import Fleet
from backend.service.generations import Generations
from backend.service.ports import EventBus, MessageStore
from backend.service.preferences import SavedPreferences
from backend.service.provenance import ProvenanceChecks
from backend.service.reviews import Reviews
from backend.service.standings import Standings
from backend.service.uploads import Uploads


@dataclass(frozen=True, kw_only=True)
class Services:
    """Everything a bot, a gateway or a command may call."""

    generations: Generations
    uploads: Uploads
    reviews: Reviews
    accounts: Accounts
    messages: MessageStore
    events: EventBus
    fleet: Fleet
    explanations: Explanations
    preferences: SavedPreferences
    provenance: ProvenanceChecks
    standings: Standings
