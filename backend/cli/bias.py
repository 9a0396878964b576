"""`impasto bias audit`: how people come out in the pictures of a model, measured over many."""

import argparse
import asyncio
import hashlib
import json
import signal
import sys
import time
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from backend.bootstrap.opening import open_services
from backend.cli.stack import Stack, open_stack
from backend.cli.terminal import input_file, say, show_progress
from backend.cli.wait import ServerEnded, end_as_by_ctrl_c, wait
from backend.domain.errors import BadInput
from backend.domain.families import ModelFamily
from backend.domain.jobs import Job
from backend.domain.requests import JobId, Requester
from backend.service.bias_audits import BiasAudits, DrawnByAnother, JobPortraits
from backend.settings import Settings
from safety.bias.audit import Accuracy, Audit, Observation, read_audit, write_audit
from safety.bias.labelled import accuracy_of
from safety.bias.page import plot, table
from safety.bias.prompts import PromptSet, read_prompts, shipped_prompts
from safety.bias.report import AxisReport, Reference, report
from safety.errors import CheckFailed
from safety.estimator import Estimator
from safety.estimators import open_estimator

SEEDS: Final = 100
_DAY_S: Final = 86_400.0
_AGAIN_S: Final = 3_600.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    auditing = actions.add_parser("audit", help="draw the fixed prompts, count, and report")
    auditing.add_argument(
        "--family",
        choices=[family.value for family in ModelFamily],
        help="whose model is audited (the first that is served)",
    )
    auditing.add_argument(
        "--prompts",
        type=input_file,
        metavar="FILE",
        help="another prompt file than the one that ships",
    )
    auditing.add_argument(
        "--seeds", type=int, default=SEEDS, help=f"how many portraits of each prompt ({SEEDS})"
    )
    auditing.add_argument(
        "--reference",
        type=input_file,
        metavar="FILE",
        help='TOML of shares: [axis."a nurse"] group = 0.5',
    )
    auditing.add_argument(
        "--labelled",
        type=Path,
        metavar="FOLDER",
        help="portraits in AXIS/GROUP/ to try estimators on",
    )
    auditing.add_argument(
        "--every", type=float, metavar="DAYS", help="stay, and audit anew after so many days"
    )
    auditing.add_argument("--json", action="store_true", help="print one JSON object an audit")
    auditing.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Audit once, or again and again; an interrupted audit goes on where it was."""
    settings = Settings()
    if arguments.seeds < 1 or (arguments.every is not None and arguments.every <= 0):
        raise BadInput("--seeds and --every are above 0.", way_out="Leave them out.")
    family = ModelFamily(arguments.family) if arguments.family else settings.families[0]
    wanted = _Wanted(
        family=family,
        prompts=_prompts(arguments.prompts),
        seeds=arguments.seeds,
        estimators=open_estimators(settings),
    )
    reference = _reference(arguments.reference)
    accuracies = _accuracies(arguments.labelled, wanted.estimators)
    folder = settings.home.absolute() / "bias" / family.value
    end_as_by_ctrl_c(signal.SIGTERM, signal.SIGHUP)

    def once() -> None:
        audit = _audit(settings, wanted, folder)
        audit = replace(
            audit,
            tallies=tuple(replace(one, accuracy=accuracies.get(one.axis)) for one in audit.tallies),
        )
        told = report(audit, wanted.prompts, reference=reference, before=_before(folder, audit))
        paths = _write(folder, audit, told)
        if arguments.json:
            say(json.dumps(_as_json(audit, told, paths)))
        else:
            say(table(audit, told))
            say("\n".join(str(path) for path in paths))

    if arguments.every is None:
        once()
    else:
        _repeat(once, every_s=arguments.every * _DAY_S)
    return 0


def _repeat(once: Callable[[], None], *, every_s: float) -> None:
    """Audit for good; one that something stops is tried again within the hour, where it was.

    Raises:
        BadInput: what was asked for cannot be audited, so that to ask again is of no use.

    """
    while True:
        pause_s = every_s
        try:
            once()
        except BadInput:
            raise
        except Exception as error:  # noqa: BLE001 - a schedule outlives whatever ends one audit
            pause_s = min(every_s, _AGAIN_S)
            why = " ".join(f"{type(error).__name__}: {error}".split())
            sys.stderr.write(f"The audit ended early ({why}); again in {pause_s:.0f} s.\n")
        time.sleep(pause_s)


def open_estimators(settings: Settings) -> tuple[Estimator, ...]:
    """Open the estimators that an operator chose; none ships.

    Raises:
        BadInput: there is none, or one cannot be opened.

    """
    if not settings.bias_estimators:
        raise BadInput(
            "No estimator is set, and none ships: whom a portrait shows is not for us to say.",
            way_out="Set IMPASTO_BIAS_ESTIMATORS, for example gender=/models/fairface-gender.",
        )
    try:
        return tuple(
            open_estimator("image_classifier", axis=axis, source=source)
            for axis, source in settings.bias_estimators.items()
        )
    except CheckFailed as error:
        raise BadInput(
            f"An estimator cannot be opened: {error}.",
            way_out="Name folders or hub ids of image classifiers whose labels are the groups.",
        ) from error


@dataclass(frozen=True, kw_only=True)
class _Wanted:
    """What is to be audited, and by what."""

    family: ModelFamily
    prompts: PromptSet
    seeds: int
    estimators: tuple[Estimator, ...]


def _audit(settings: Settings, wanted: _Wanted, folder: Path) -> Audit:
    notes = FileNotebook(folder / "notes", wanted.prompts, wanted.estimators)
    while True:
        with open_stack(settings) as stack:
            stack.ensure(wanted.family)
            try:
                return asyncio.run(_draw_and_count(stack, wanted, notes))
            except (ServerEnded, DrawnByAnother):
                # What is in the notes is not drawn again.
                continue
            except CheckFailed as error:
                raise BadInput(
                    f"An estimator failed: {error}.",
                    way_out="What was counted is kept; mend the estimator and ask again.",
                ) from error


async def _draw_and_count(stack: Stack, wanted: _Wanted, notes: "FileNotebook") -> Audit:
    async with open_services(stack.settings) as services:

        async def ended(job_id: JobId, requester: Requester) -> Job:
            return await wait(stack, services, job_id, requester, show=lambda _job: None)

        audits = BiasAudits(
            portraits=JobPortraits(
                generations=services.generations, family=wanted.family, wait=ended
            ),
            estimators=wanted.estimators,
            prompts=wanted.prompts,
            show=lambda done, of: show_progress(f"{done} of {of} jobs"),
        )
        at = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        audit = await audits.run(wanted.family, seeds=wanted.seeds, notes=notes, at=at)
        show_progress("")
        return audit


class FileNotebook:
    """Observations in a file, a line each, by model version, prompts and estimators."""

    def __init__(self, folder: Path, prompts: PromptSet, estimators: Sequence[Estimator]) -> None:
        names = ",".join(f"{one.axis}={one.name}" for one in estimators)
        self._folder = folder
        self._suffix = hashlib.sha256(f"{prompts.digest} {names}".encode()).hexdigest()[:16]
        self._path: Path | None = None

    def begin(self, model_sha256: str) -> list[Observation]:
        """Return what was observed; a line that was cut off by a crash is observed again."""
        self._folder.mkdir(parents=True, exist_ok=True)
        self._path = self._folder / f"{model_sha256[:16] or 'unknown'}-{self._suffix}.jsonl"
        if not self._path.exists():
            return []
        whole, _, cut = self._path.read_text(encoding="utf-8").rpartition("\n")
        if cut:
            self._path.write_text(whole + "\n" if whole else "", encoding="utf-8")
        return [Observation(**one) for line in whole.splitlines() for one in json.loads(line)]

    def note(self, observations: Sequence[Observation]) -> None:
        """Append one line; all observations of a job are kept together or not at all."""
        if self._path is None or not observations:
            return
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps([asdict(one) for one in observations]) + "\n")


def _before(folder: Path, audit: Audit) -> Audit | None:
    """Return the newest finished audit of another version; a file that is none is passed over."""
    for path in sorted(folder.glob("*.json"), reverse=True):
        try:
            earlier = read_audit(path.read_text(encoding="utf-8"))
        except ValueError as error:
            sys.stderr.write(f"{path} is passed over: {error}.\n")
            continue
        if earlier.model_sha256 != audit.model_sha256:
            return earlier
    return None


def _write(folder: Path, audit: Audit, told: Sequence[AxisReport]) -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    name = f"{audit.at.replace(':', '')}-{audit.model_sha256[:12] or 'unknown'}"
    written = {
        folder / f"{name}.json": write_audit(audit),
        folder / f"{name}.md": table(audit, told),
        **{folder / f"{name}-{one.tally.axis}.svg": plot(one) for one in told},
    }
    for path, text in written.items():
        # Whole or not at all: the next audit reads it.
        draft = path.with_name(f".{path.name}")
        draft.write_text(text, encoding="utf-8")
        draft.replace(path)
    return list(written)


def _as_json(audit: Audit, told: Sequence[AxisReport], paths: Sequence[Path]) -> dict[str, object]:
    return {
        "family": audit.family,
        "model": audit.model,
        "model_sha256": audit.model_sha256,
        "seeds": audit.seeds,
        "not_drawn": audit.not_drawn,
        "axes": {
            one.tally.axis: {
                "estimator": one.tally.estimator,
                "mad": asdict(one.mad),
                "entropy": asdict(one.entropy),
                "absent": one.absent,
                "obeyed": one.obeyed,
                "drift": None if one.drift is None else asdict(one.drift),
                "misses": list(one.misses),
                "prompts": [asdict(prompt) for prompt in one.prompts],
            }
            for one in told
        },
        "files": [str(path) for path in paths],
    }


def _prompts(path: Path | None) -> PromptSet:
    try:
        return shipped_prompts() if path is None else read_prompts(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise BadInput(
            f"{path} is no prompt file: {error}.",
            way_out="It looks like safety/bias/prompts.toml.",
        ) from error


def _reference(path: Path | None) -> Reference | None:
    if path is None:
        return None
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
        return {
            axis: {
                prompt: {group: float(share) for group, share in shares.items()}
                for prompt, shares in prompts.items()
            }
            for axis, prompts in document.items()
        }
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise BadInput(
            f"{path} is no reference: {error}.",
            way_out='Write [gender."a nurse"] and below it each group\'s share, as in woman = 0.5.',
        ) from error


def _accuracies(folder: Path | None, estimators: Sequence[Estimator]) -> dict[str, Accuracy]:
    if folder is None:
        return {}
    found = {one.axis: accuracy_of(one, folder / one.axis) for one in estimators}
    if not any(found.values()):
        raise BadInput(
            f"There are no labelled portraits in {folder}.",
            way_out="Put pictures into AXIS/GROUP/ folders there, or leave --labelled out.",
        )
    return {axis: accuracy for axis, accuracy in found.items() if accuracy is not None}
