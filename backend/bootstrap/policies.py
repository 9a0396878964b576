"""Wires what knows which safety policy holds where, and who decides about it."""

from backend.db.sessions import Database
from backend.db.stores import SqlGuildPolicies
from backend.domain.requests import AccountId
from backend.service.guild_policies import PolicyDesk
from backend.service.moderators import Moderators
from backend.service.policies import Policies
from backend.service.ports import Clock
from backend.settings import Settings


def make_policies(database: Database, settings: Settings, *, clock: Clock) -> Policies:
    """Make the policies of all places."""
    return Policies(
        house=settings.safety_policy, guilds=SqlGuildPolicies(database=database), clock=clock
    )


def make_policy_desk(settings: Settings, policies: Policies, moderators: Moderators) -> PolicyDesk:
    """Make what shows and sets guilds' policies for Discord and REST."""
    return PolicyDesk(
        policies=policies,
        moderators=moderators,
        editors=[AccountId(one) for one in settings.policy_editors],
    )
