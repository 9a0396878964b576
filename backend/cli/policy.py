"""`impasto policy try FILE`: what a policy makes of the last prompts, before it is in force."""

import argparse
import asyncio
import json
from pathlib import Path

from backend.bootstrap import open_database
from backend.cli import guild_policy
from backend.cli.terminal import Subparsers, say
from backend.db.audit import SqlAudit
from backend.db.migrate import upgrade
from backend.domain.errors import BadInput
from backend.domain.requests import GenerationRequest
from backend.prompt.replay import Flip, Replay, replay
from backend.settings import Settings
from safety.errors import PolicyInvalid
from safety.policy import Policy, read_policy
from safety.prompt_checks import open_prompt_checks
from safety.verdict import Outcome


def add_parser(subparsers: Subparsers) -> None:
    """Add the command."""
    parser = subparsers.add_parser("policy", help="set, show and try safety policies")
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    trying = actions.add_parser("try", help="show which of the last prompts would be judged anew")
    trying.add_argument("file", type=Path, help="a policy document")
    trying.add_argument("--last", type=int, default=1_000, help="how many prompts (1000)")
    trying.add_argument("--json", action="store_true", help="print one JSON object")
    trying.set_defaults(run=run)
    guild_policy.add_parsers(actions)


def run(arguments: argparse.Namespace) -> int:
    """Judge the last prompts by the policy in force and by the one in the file."""
    if arguments.last < 1:
        raise BadInput("--last is 1 or more.", way_out="Leave it out to judge the last 1000.")
    settings = Settings()
    policy = read_policy_file(arguments.file)
    settings.make_home()
    upgrade(settings.database)
    requests = asyncio.run(_last_requests(settings, arguments.last))
    before = settings.safety_policy
    told = replay(
        requests, checks=open_prompt_checks(), before=before, after=policy, house=settings.house
    )
    if arguments.json:
        say(json.dumps(_as_json(told, before, policy)))
    else:
        say("\n".join(_lines(told, before, policy)))
    return 0


def read_policy_file(path: Path) -> Policy:
    """Read a policy document from a file.

    Raises:
        BadInput: there is no such file, or it is no policy.

    """
    try:
        return read_policy(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, PolicyInvalid) as error:
        raise BadInput(
            f"{path} is no policy: {error}.",
            way_out='A policy begins with `version = 1` and `id = "…"`; see safety/README.md.',
        ) from error


async def _last_requests(settings: Settings, count: int) -> list[tuple[str, GenerationRequest]]:
    """Return the requests of the last jobs by job id, the oldest of them first."""
    async with open_database(settings) as database:
        jobs = await SqlAudit(database=database).jobs()
    return [(job.id, job.request) for job in jobs[-count:]]


def _lines(told: Replay, before: Policy, after: Policy) -> list[str]:
    lines = [f"{told.judged} prompts judged by {before.id} and by {after.id}"]
    lines += [
        f"{outcome:7} {told.before[outcome]:6} -> {told.after[outcome]:6}" for outcome in Outcome
    ]
    lines += [
        f"{flip.name}  {flip.before.outcome} -> {flip.after.outcome}  {_reason(flip)}"
        for flip in told.flips
    ]
    return [*lines, f"{len(told.flips)} would flip"]


def _reason(flip: Flip) -> str:
    return flip.after.rule or flip.before.rule


def _as_json(told: Replay, before: Policy, after: Policy) -> dict[str, object]:
    return {
        "judged": told.judged,
        "policies": [before.id, after.id],
        "before": dict(told.before),
        "after": dict(told.after),
        "flips": [
            {
                "job": flip.name,
                "before": flip.before.outcome,
                "after": flip.after.outcome,
                "rule": _reason(flip),
                "score": flip.after.score,
            }
            for flip in told.flips
        ],
    }
