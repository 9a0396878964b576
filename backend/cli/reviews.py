"""`impasto reviews …`: how often moderators agreed with each rule, and what waits for them."""

import argparse
import asyncio
import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime

from backend.bootstrap.backlog import count_backlog
from backend.bootstrap.servers import open_database
from backend.cli.home import open_home
from backend.cli.terminal import say
from backend.db.review_store import SqlReviewStore
from backend.domain.reviews import Backlog, RulePrecision
from backend.settings import Settings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    rules = actions.add_parser("rules", help="how often each rule was right, by their decisions")
    waiting = actions.add_parser("waiting", help="count what is open, and what of it is overdue")
    for action, act in ((rules, _rules), (waiting, _waiting)):
        action.add_argument("--json", action="store_true", help="print one JSON array")
        action.set_defaults(run=act)


def _rules(arguments: argparse.Namespace) -> int:
    rules = asyncio.run(_read_rules(open_home()))
    if arguments.json:
        say(json.dumps([rule.as_document() for rule in rules]))
        return 0
    for line in render_rules(rules):
        say(line)
    return 0


def _waiting(arguments: argparse.Namespace) -> int:
    backlog = asyncio.run(count_backlog(open_home(), now=datetime.now(UTC)))
    if arguments.json:
        say(json.dumps([asdict(one) for one in backlog]))
        return 0
    for one in backlog:
        say(_waiting_line(one))
    return 0


async def _read_rules(settings: Settings) -> list[RulePrecision]:
    async with open_database(settings) as database:
        return await SqlReviewStore(database=database).rules()


def render_rules(rules: Sequence[RulePrecision]) -> list[str]:
    """Return a table: which were wrong most often first, then those of which nothing is decided."""
    if not rules:
        return ["Nothing was held yet."]
    head = f"{'rule':<28}{'category':<18}{'stage':<9}{'held':>6}{'open':>6}{'upheld':>8}"
    head += f"{'overturned':>12}{'appealed':>10}  precision (95 %)"
    ordered = sorted(rules, key=lambda rule: (rule.precision is None, rule.precision or 0.0))
    return [head, *map(_rule_line, ordered)]


def _rule_line(rule: RulePrecision) -> str:
    told = "nothing decided"
    if rule.precision is not None and rule.interval is not None:
        low, high = rule.interval
        told = f"{rule.precision:.2f} ({low:.2f} to {high:.2f})"
    return (
        f"{rule.rule or 'none':<28}{rule.category or 'none':<18}{rule.stage:<9}{rule.held:>6}"
        f"{rule.open:>6}{rule.upheld:>8}{rule.overturned:>12}{rule.appealed:>10}  {told}"
    )


def _waiting_line(one: Backlog) -> str:
    oldest = f", the oldest for {one.oldest_s / 3600:.1f} h" if one.open else ""
    return f"{one.kind.value:<10}{one.open:>5} open{one.overdue:>5} overdue{oldest}"
