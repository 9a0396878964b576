"""Wires what moderators work with."""

from datetime import timedelta

from backend.domain.standing import StandingRules
from backend.service.moderation_ports import StandingStore
from backend.service.ports import CancelFlags, Clock, OutboxPublisher
from backend.service.standings import Standings
from safety.policy import Policy


def make_standings(
    store: StandingStore,
    *,
    cancel_flags: CancelFlags,
    outbox: OutboxPublisher,
    policy: Policy,
    clock: Clock,
) -> Standings:
    """Make the use cases around standing, with the thresholds of a policy."""
    return Standings(
        store=store,
        cancel_flags=cancel_flags,
        outbox=outbox,
        clock=clock,
        rules=StandingRules(
            strike_for=timedelta(days=policy.strike_days),
            strikes_to_mute=policy.strikes_to_mute,
            mute_for=timedelta(hours=policy.mute_hours),
            strikes_to_ban=policy.strikes_to_ban,
        ),
    )
