"""Wires the child safety workflow."""

from datetime import timedelta

from backend.bootstrap.moderators import make_moderators
from backend.db.sessions import Database
from backend.db.stores import SqlAuditLog, SqlSafetyReportStore, SqlStandingStore
from backend.domain.child_safety import FreezeRules
from backend.domain.requests import AccountId
from backend.service.child_safety import ChildSafety
from backend.service.ports import Clock
from backend.service.safety_reports import SafetyReports
from backend.service.standings import Standings
from backend.settings import Settings


def make_child_safety(
    settings: Settings, database: Database, standings: Standings, *, clock: Clock
) -> ChildSafety:
    """Make what follows child safety findings."""
    return ChildSafety(
        store=SqlSafetyReportStore(database=database),
        standings=standings,
        audit=SqlAuditLog(database=database),
        clock=clock,
        rules=_rules(settings),
    )


def make_safety_reports(settings: Settings, database: Database, *, clock: Clock) -> SafetyReports:
    """Make what is done about what is on file."""
    return SafetyReports(
        store=SqlSafetyReportStore(database=database),
        standings=SqlStandingStore(database=database),
        audit=SqlAuditLog(database=database),
        moderators=make_moderators(settings, database, clock=clock),
        clock=clock,
        reviewers=[AccountId(one) for one in settings.safety_reviewers],
        rules=_rules(settings),
    )


def _rules(settings: Settings) -> FreezeRules:
    policy = settings.safety_policy
    return FreezeRules(
        prompts_to_freeze=policy.prompts_to_freeze, within=timedelta(days=policy.prompt_days)
    )
