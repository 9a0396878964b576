"""`impasto policy try FILE`: what a policy makes of the last jobs, before it is in force."""

import argparse
import asyncio
import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

from backend.bootstrap.policies import make_policies
from backend.bootstrap.servers import now, open_database
from backend.cli import calibration_report, guild_policy
from backend.cli.terminal import input_file, say
from backend.db.judgement_store import SqlJudgements
from backend.db.migrate import upgrade
from backend.domain.errors import BadInput
from backend.domain.policies import PolicyRevision
from backend.prompt.replay import Source, Tally, Trial
from backend.service.policies import laid_over, must_be_fit
from backend.settings import Settings
from safety.errors import PolicyInvalid
from safety.grades import Circumstances
from safety.overlay import overlay, read_guild_policy
from safety.policy import Policy, read_policy
from safety.prompt_checks import open_prompt_checks, rules_version
from safety.verdict import Outcome

_TOLD = {
    Source.STORED: "answered from stored findings",
    Source.RULES_CHANGED: "judged anew, as the rules are others than then",
    Source.OTHER_WORDS: "judged anew, as the policies look at different words",
    Source.NEVER_STORED: "judged anew, as no findings are stored of them",
    Source.WORDS_GONE: "not judged, as their words are erased",
}
_UNKNOWN_PLACE = "channel or role, which was not stored with them"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    trying = actions.add_parser("try", help="show what of the last jobs would be judged anew")
    trying.add_argument("file", type=input_file, help="a policy document")
    trying.add_argument("--last", type=int, default=1_000, help="how many jobs (1000)")
    trying.add_argument(
        "--guild", metavar="ID", help="try it as the policy of a guild, on its jobs"
    )
    trying.add_argument("--json", action="store_true", help="print one JSON object")
    trying.set_defaults(run=run)
    guild_policy.add_parsers(actions)
    calibration_report.add_parser(actions)


def run(arguments: argparse.Namespace) -> int:
    """Judge the last jobs by the policies in force and by the one in the file."""
    if arguments.last < 1:
        raise BadInput("--last is 1 or more.", way_out="Leave it out to judge the last 1000.")
    settings = Settings()
    document = guild_policy.read_document(arguments.file)
    house = settings.safety_policy
    if arguments.guild is None:
        trying = _Trying(house=house, wanted=read_policy_document(document))
    else:
        must_be_fit(house, document)
        trying = _Trying(house=house, wanted=house, guild_document=document)
    settings.make_home()
    upgrade(settings.database)
    trial = asyncio.run(_try(settings, arguments, trying))
    if arguments.json:
        say(json.dumps(_as_json(trial, trying)))
    else:
        say("\n".join(_lines(trial, trying)))
    return 0


@dataclass(frozen=True, kw_only=True)
class _Trying:
    """The deployment's policy, and what would be in its place; or else in a guild's place."""

    house: Policy
    wanted: Policy
    guild_document: str | None = None

    def policies(
        self, revision: PolicyRevision | None, there: Circumstances
    ) -> tuple[Policy, Policy]:
        """Return what holds for a job of a guild in its circumstances, and what would."""
        before = laid_over(self.house, revision, there)
        if self.guild_document is not None:
            wish = read_guild_policy(self.guild_document)
            return before, overlay(self.house.graded(there), wish.graded(there))
        return before, laid_over(self.wanted, revision, there)

    @property
    def names(self) -> tuple[str, str]:
        """What the two are called."""
        if self.guild_document is not None:
            return "what holds there", read_guild_policy(self.guild_document).id
        return self.house.id, self.wanted.id


def read_policy_document(text: str) -> Policy:
    """Read the document of a deployment.

    Raises:
        BadInput: it is no policy.

    """
    try:
        return read_policy(text)
    except PolicyInvalid as error:
        raise BadInput(
            f"This is no policy: {error}.",
            way_out='A policy begins with `version = 1` and `id = "…"`; see safety/README.md.',
        ) from error


async def _try(settings: Settings, arguments: argparse.Namespace, trying: _Trying) -> Trial:
    checks = settings.prompt_check_settings
    trial = Trial(open_checks=partial(open_prompt_checks, checks), rules=rules_version(checks))
    revisions: dict[str | None, PolicyRevision | None] = {None: None}
    known: dict[tuple[str | None, Circumstances], tuple[Policy, Policy]] = {}
    async with open_database(settings) as database:
        policies = make_policies(database, settings, clock=now)
        jobs = SqlJudgements(database=database)
        async for job in jobs.last(arguments.last, guild_id=arguments.guild):
            guild_id, where = job.guild_id, (job.guild_id, job.circumstances)
            if guild_id is not None and guild_id not in revisions:
                revisions[guild_id] = await policies.newest(guild_id)
            if where not in known:
                known[where] = trying.policies(revisions[guild_id], job.circumstances)
            before, after = known[where]
            trial.add(job, before=before, after=after)
    return trial


def _lines(trial: Trial, trying: _Trying) -> Iterator[str]:
    yield f"{trial.sources.total()} prompts by {trying.names[0]} and by {trying.names[1]}"
    for source, count in sorted(trial.sources.items()):
        yield f"{count:6} {_TOLD[source]}"
    if trial.of_unknown_place:
        yield f"{trial.of_unknown_place:6} judged without grades of {_UNKNOWN_PLACE}"
    yield from _tally_lines("prompts", trial.prompts)
    if trial.pictures.judged:
        yield f"{trial.pictures.judged} jobs' pictures, from stored scores"
        yield from _tally_lines("pictures", trial.pictures)


def _tally_lines(name: str, tally: Tally) -> Iterator[str]:
    for outcome in Outcome:
        yield f"{outcome:7} {tally.before[outcome]:6} -> {tally.after[outcome]:6}"
    for flip in tally.flips:
        rule = flip.after.rule or flip.before.rule
        yield f"{flip.job}  {flip.before.outcome} -> {flip.after.outcome}  {rule}  ({flip.source})"
    yield f"{len(tally.flips)} {name} would flip"


def _as_json(trial: Trial, trying: _Trying) -> dict[str, object]:
    return {
        "policies": list(trying.names),
        "sources": {source.value: trial.sources[source] for source in Source},
        "without_grades": trial.of_unknown_place,
        **_tally_as_json(trial.prompts),
        "pictures": _tally_as_json(trial.pictures),
    }


def _tally_as_json(tally: Tally) -> dict[str, object]:
    return {
        "judged": tally.judged,
        "before": dict(tally.before),
        "after": dict(tally.after),
        "flips": [
            {
                "job": flip.job,
                "before": flip.before.outcome,
                "after": flip.after.outcome,
                "rule": flip.after.rule or flip.before.rule,
                "score": flip.after.score,
                "source": flip.source,
            }
            for flip in tally.flips
        ],
    }
