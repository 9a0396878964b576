"""The bundle of use cases that bootstrap hands to a surface."""

from dataclasses import dataclass

from backend.service.accounts import Accounts
from backend.service.appeals import Appeals
from backend.service.explanations import Explanations
from backend.service.fleet import Fleet
from backend.service.generations import Generations
from backend.service.guild_policies import PolicyDesk
from backend.service.looking import ReviewPictures
from backend.service.moderation_ports import CardStore
from backend.service.ports import EventBus, MessageStore
from backend.service.preferences import SavedPreferences
from backend.service.provenance import ProvenanceChecks
from backend.service.removal_ports import KnownLists
from backend.service.removal_requests import RemovalRequests
from backend.service.removals import Removals
from backend.service.reviews import Reviews
from backend.service.safety_reports import SafetyReports
from backend.service.standings import Standings
from backend.service.uploads import Uploads


@dataclass(frozen=True, kw_only=True)
class Moderation:
    """What members and moderators do about what is held, shown, and about each other."""

    standings: Standings
    reviews: Reviews
    appeals: Appeals
    cards: CardStore
    removals: Removals
    requests: RemovalRequests
    safety: SafetyReports
    looking: ReviewPictures
    lists: KnownLists


@dataclass(frozen=True, kw_only=True)
class Services:
    """Everything a bot, a gateway or a command may call."""

    generations: Generations
    uploads: Uploads
    accounts: Accounts
    messages: MessageStore
    events: EventBus
    fleet: Fleet
    explanations: Explanations
    preferences: SavedPreferences
    provenance: ProvenanceChecks
    moderation: Moderation
    policies: PolicyDesk
