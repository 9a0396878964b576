"""Readiness: named checks of the servers a gateway cannot work without, run side by side."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import structlog

from backend.gateway.patience import within

CHECK_TIMEOUT_S = 3.0
_log = structlog.get_logger()


@dataclass(frozen=True, kw_only=True)
class Check:
    """A named probe; `probe` returns when the part answers and raises when it does not."""

    name: str
    probe: Callable[[], Awaitable[object]]


@dataclass(frozen=True, kw_only=True)
class CheckResult:
    """Whether a check passed; `problem` names the kind of error, as its text may name hosts."""

    name: str
    is_ok: bool
    problem: str = ""


async def run_checks(
    checks: Sequence[Check], *, timeout_s: float = CHECK_TIMEOUT_S
) -> list[CheckResult]:
    """Run all checks at once; one that raises or takes too long has failed."""
    return await asyncio.gather(*(_run(check, timeout_s) for check in checks))


async def _run(check: Check, timeout_s: float) -> CheckResult:
    try:
        await within(timeout_s, _probe(check))
    except Exception as error:  # noqa: BLE001 - any failure of a probe is the answer we came for
        _log.warning("readiness_check_failed", check=check.name, error=repr(error))
        return CheckResult(name=check.name, is_ok=False, problem=type(error).__name__)
    return CheckResult(name=check.name, is_ok=True)


async def _probe(check: Check) -> None:
    await check.probe()
