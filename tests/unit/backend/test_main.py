"""`python -m backend`: what ends it before it serves."""

import os
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from backend.__main__ import main
from backend.bootstrap.accounts import open_accounts
from backend.db.migrate import upgrade
from backend.domain.tiers import TIER_POLICIES, Tier
from backend.settings import Settings


@pytest.fixture(autouse=True)
def _log_as_before() -> Iterator[None]:
    yield
    # A process logs to standard error, which here is closed when the test ends.
    structlog.reset_defaults()


@pytest.fixture(autouse=True)
def _home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in os.environ:
        if name.startswith("IMPASTO_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("IMPASTO_HOME", str(tmp_path))


def test_a_setting_that_cannot_be_used_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["backend", "gateway"])
    monkeypatch.setenv("IMPASTO_DATABASE_URL", "geheim")
    assert main() == 2
    said = capsys.readouterr().err
    assert said.startswith("IMPASTO_DATABASE_URL cannot be used: ")
    assert "geheim" not in said


def test_a_port_that_is_taken_is_named_with_a_way_out(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    upgrade(Settings().database)
    monkeypatch.setattr(sys, "argv", ["backend", "gateway"])
    monkeypatch.setenv("IMPASTO_REDIS_URL", "redis://127.0.0.1:1/0")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        monkeypatch.setenv("IMPASTO_GATEWAY_PORT", str(port))
        assert main() == 4
    said = capsys.readouterr().err
    assert f"127.0.0.1:{port}" in said
    assert "IMPASTO_GATEWAY_PORT" in said


@pytest.mark.parametrize(
    "name", ["FAMILIES", "DATABASE_URL", "REDIS_URL", "S3_BUCKET", "GATEWAY_PORT", "MODEL_SDXL"]
)
def test_an_empty_variable_is_one_that_is_not_set(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    unset = Settings()
    monkeypatch.setenv(f"IMPASTO_{name}", "")
    assert Settings() == unset


def test_limits_are_set_for_the_tiers_that_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Settings().tier_policies == TIER_POLICIES
    monkeypatch.setenv("IMPASTO_WAITING_MAX", "turbo=3, relax=none")
    monkeypatch.setenv("IMPASTO_RUNNING_MAX", "fast=2")
    policies = Settings().tier_policies
    assert {tier: policy.waiting_max for tier, policy in policies.items()} == {
        Tier.TURBO: 3,
        Tier.FAST: TIER_POLICIES[Tier.FAST].waiting_max,
        Tier.RELAX: None,
    }
    assert [policies[tier].running_max for tier in Tier] == [None, 2, None]


@pytest.mark.parametrize("value", ["many", "slow=1", "turbo", "turbo=0", "turbo=-1", "turbo=1.5"])
def test_a_limit_that_is_none_is_named(
    value: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["backend", "gateway"])
    monkeypatch.setenv("IMPASTO_WAITING_MAX", value)
    assert main() == 2
    assert capsys.readouterr().err.startswith("IMPASTO_WAITING_MAX cannot be used: ")


def test_links_lead_to_the_gateways_port(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Settings().public_url == "http://127.0.0.1:8080"
    monkeypatch.setenv("IMPASTO_GATEWAY_PORT", "8099")
    assert Settings().public_url == "http://127.0.0.1:8099"
    monkeypatch.setenv("IMPASTO_PUBLIC_URL", "https://art.example")
    assert Settings().public_url == "https://art.example"


async def test_a_home_that_is_made_is_for_its_owner_alone(tmp_path: Path) -> None:
    home = tmp_path / "new" / "home"
    async with open_accounts(Settings(home=home)):
        assert home.stat().st_mode & 0o077 == 0
