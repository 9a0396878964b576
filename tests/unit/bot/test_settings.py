"""The bot's settings and its entry point's complaints."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import discord
import pytest
import yarl

from backend.domain.requests import AccountId
from backend.service.services import Services
from bot.__main__ import EXIT_BAD_SETTING, EXIT_UNAVAILABLE, main, point_at
from bot.identity import account_of, user_id_of
from bot.settings import BotSettings
from tests.fakes.services import FakeWorkshop


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in os.environ:
        if name.startswith("IMPASTO_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("IMPASTO_HOME", str(tmp_path))


def test_lists_are_written_with_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMPASTO_MODERATOR_ROLE_IDS", "1, 22,")
    monkeypatch.setenv("IMPASTO_DISCORD_SHARD_IDS", "0")
    settings = BotSettings()
    assert settings.moderator_role_ids == (1, 22)
    assert settings.client_options().shard_ids == (0,)


def test_empty_variables_are_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("TOKEN", "GUILD_ID", "SHARD_COUNT", "API_BASE", "GATEWAY"):
        monkeypatch.setenv(f"IMPASTO_DISCORD_{name}", "")
    monkeypatch.setenv("IMPASTO_MODERATOR_ROLE_IDS", "")
    settings = BotSettings()
    assert settings.discord_token is None
    assert settings.discord_guild_id is None
    assert settings.discord_api_base is None
    assert settings.moderator_role_ids == ()


def test_the_token_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMPASTO_DISCORD_TOKEN", "secret-token")
    assert "secret-token" not in repr(BotSettings())


def test_commands_are_always_registered_with_another_server(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert BotSettings().client_options().sync == "auto"
    monkeypatch.setenv("IMPASTO_DISCORD_API_BASE", "http://127.0.0.1:1/api/v10")
    assert BotSettings().client_options().sync == "always"


def test_the_library_is_pointed_at_another_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(discord.http.Route, "BASE", discord.http.Route.BASE)
    gateway = discord.gateway.DiscordWebSocket
    monkeypatch.setattr(gateway, "DEFAULT_GATEWAY", gateway.DEFAULT_GATEWAY)
    point_at(
        BotSettings(
            discord_api_base="http://127.0.0.1:1/api/v10/", discord_gateway="ws://127.0.0.1:1/gw"
        )
    )
    assert discord.http.Route.BASE == "http://127.0.0.1:1/api/v10"
    assert yarl.URL("ws://127.0.0.1:1/gw") == gateway.DEFAULT_GATEWAY


def test_without_a_token_one_sentence_says_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    assert main() == EXIT_BAD_SETTING
    said = capsys.readouterr().err
    assert "IMPASTO_DISCORD_TOKEN is not set" in said
    assert said.count("\n") == 1


def test_a_setting_that_cannot_be_read_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("IMPASTO_DISCORD_GUILD_ID", "my guild")
    assert main() == EXIT_BAD_SETTING
    assert "IMPASTO_DISCORD_GUILD_ID" in capsys.readouterr().err


@pytest.mark.parametrize("address", ["garbage", "http://127.0.0.1:1/api/v10"])
def test_a_discord_that_is_not_there_is_one_sentence(
    address: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    @asynccontextmanager
    async def open_services() -> AsyncIterator[Services]:
        yield FakeWorkshop().services

    monkeypatch.setattr("bot.__main__.open_services", open_services)
    monkeypatch.setattr("bot.__main__.log_as_json", lambda: None)
    monkeypatch.setattr(discord.http.Route, "BASE", discord.http.Route.BASE)
    monkeypatch.setenv("IMPASTO_DISCORD_TOKEN", "secret-token")
    monkeypatch.setenv("IMPASTO_DISCORD_API_BASE", address)
    assert main() == EXIT_UNAVAILABLE
    said = capsys.readouterr().err
    assert said.startswith("Discord does not answer.")
    assert said.count("\n") == 1


def test_accounts_name_discord_users() -> None:
    assert user_id_of(account_of(42)) == 42
    assert user_id_of(AccountId("api:shop")) is None
