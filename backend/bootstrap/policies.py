"""Wires what knows which safety policy holds where."""

from backend.db.sessions import Database
from backend.db.stores import SqlGuildPolicies
from backend.service.policies import Policies
from backend.service.ports import Clock
from backend.settings import Settings


def make_policies(database: Database, settings: Settings, *, clock: Clock) -> Policies:
    """Make the policies of all places."""
    return Policies(
        house=settings.safety_policy, guilds=SqlGuildPolicies(database=database), clock=clock
    )
