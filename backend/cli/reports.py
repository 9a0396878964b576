"""`impasto reports …`: child safety findings, for who must report or release them."""

import argparse
import asyncio
import json
from functools import partial
from pathlib import Path

from pydantic import TypeAdapter

from backend.bootstrap.child_safety import make_safety_reports
from backend.bootstrap.images import open_objects
from backend.bootstrap.servers import now, open_database
from backend.cli.home import open_home
from backend.cli.terminal import say, user_name
from backend.cli.unsealing import Unsealing, break_glass, forget
from backend.domain.child_safety import SafetyReport
from backend.service.safety_reports import SafetyReports
from backend.settings import Settings
from storage.sealed import SealedObjects

_REPORT: TypeAdapter[SafetyReport] = TypeAdapter(SafetyReport)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    listing = actions.add_parser("list", help="list all findings, oldest first")
    show = actions.add_parser("show", help="print the facts of one; that goes on record")
    marking = actions.add_parser("mark-reported", help="note under which number it was reported")
    releasing = actions.add_parser(
        "release", help="note that a finding was wrong, and let its account in again"
    )
    unsealing = actions.add_parser(
        "unseal", help="open a sealed picture into a file, for a report to the authorities"
    )
    dropping = actions.add_parser(
        "drop", help="remove what is sealed of a finding, once it need not be preserved"
    )
    for action in (show, marking, releasing, unsealing, dropping):
        action.add_argument("id", help="its id, as `impasto reports list` shows it")
    marking.add_argument("number", help="what the reporting body calls it")
    for action in (releasing, unsealing, dropping):
        action.add_argument("--reason", required=True, help="why; it goes on record")
    unsealing.add_argument("--to", type=Path, required=True, help="a new file, for you alone")
    unsealing.add_argument("--picture", type=int, default=0, help="which of its pictures, from 0")
    unsealing.add_argument("--key", type=Path, help="the private key, where it is not in the home")
    for action in (listing, show, marking, releasing, unsealing, dropping):
        action.add_argument(
            "--json", action="store_true", help="print one JSON object; `list`, an array"
        )
        action.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Run one of the actions."""
    settings = open_home()
    found = asyncio.run(_act(settings, arguments))
    if arguments.json:
        told = [_REPORT.dump_python(one, mode="json") for one in found]
        say(json.dumps(told if arguments.action == "list" else told[0]))
        return 0
    for one in found:
        say(_line(one) if arguments.action == "list" else _whole(one))
    if not found:
        say("There is nothing to report.")
    return 0


async def _act(settings: Settings, arguments: argparse.Namespace) -> list[SafetyReport]:
    by = f"operator:{user_name()}"
    async with open_database(settings) as database:
        reports = make_safety_reports(settings, database, clock=now)
        match arguments.action:
            case "show":
                return [await reports.get(arguments.id, by=by)]
            case "mark-reported":
                return [await reports.mark_reported(arguments.id, arguments.number, by=by)]
            case "release":
                return [await reports.release(arguments.id, by=by, reason=arguments.reason)]
            case "unseal" | "drop":
                return [await _act_on_sealed(settings, reports, arguments, by)]
            case _:
                return await reports.all(by=by)


async def _act_on_sealed(
    settings: Settings, reports: SafetyReports, arguments: argparse.Namespace, by: str
) -> SafetyReport:
    sealed = SealedObjects(objects=open_objects(settings))
    if arguments.action == "drop":
        return await reports.drop(
            arguments.id, partial(forget, sealed), by=by, reason=arguments.reason
        )
    wish = Unsealing(
        report_id=arguments.id,
        picture=arguments.picture,
        key_file=arguments.key or settings.quarantine_key_file,
        target=arguments.to,
        by=by,
        reason=arguments.reason,
    )
    await break_glass(wish, reports, sealed)
    return await reports.get(arguments.id, by=by)


def _line(report: SafetyReport) -> str:
    found = report.found_at.isoformat(timespec="seconds")
    state = "released" if report.is_released else report.state
    return f"{found}  {state:<10}  {report.id}  {report.account_id}  {report.rule}"


def _whole(report: SafetyReport) -> str:
    facts = _REPORT.dump_python(report, mode="json")
    return "\n".join(f"{name}: {value}" for name, value in facts.items() if value not in (None, ""))
