"""What all tests share, and the mark of those that show what becomes of a fault."""

from typing import Any

import pytest
import structlog
from hypothesis import HealthCheck, settings

from tests.e2e.faults.rows import as_results, named

pytest_plugins = ["tests.fakes.servers"]

# The same examples in every run, whatever else the machine is doing.
settings.register_profile(
    "house", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("house")

# By default the values of every frame go with a traceback, drawn in a table: a second of a
# processor, in which an event loop stands still and whoever waits for it gives up.
structlog.configure(
    processors=[
        *structlog.get_config()["processors"][:-1],
        structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback),
    ]
)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what the table of faults names."""
    rows = named()
    for item in items:
        if _plain(item.nodeid) in rows:
            item.add_marker(pytest.mark.fault)


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Show the table of faults after a run of its tests."""
    if str(config.getoption("-m")).strip() != "fault":
        return
    outcomes: dict[str, str] = {}
    # Of several runs of one test the worst counts.
    for outcome in ("passed", "skipped", "failed", "error"):
        for report in terminalreporter.stats.get(outcome, []):
            outcomes[_plain(report.nodeid)] = "failed" if outcome == "error" else outcome
    terminalreporter.section("faults")
    for line in as_results(outcomes):
        terminalreporter.write_line(line)


def _plain(nodeid: str) -> str:
    """Name a test without its parameters."""
    return nodeid.partition("[")[0]
