"""The README's table of settings and the settings classes say the same."""

import re

from pydantic_settings import BaseSettings

from backend.settings import Settings as BackendSettings
from bot.settings import BotSettings
from gpu_worker.settings import Settings as WorkerSettings
from tests.architecture.house import ROOT

KINDS: tuple[type[BaseSettings], ...] = (BackendSettings, BotSettings, WorkerSettings)
NAMED = re.compile(r"`(IMPASTO_[A-Z0-9_]+)`")


def _settings() -> set[str]:
    return {f"IMPASTO_{name.upper()}" for kind in KINDS for name in kind.model_fields}


def _rows() -> list[str]:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    table = text.partition("## Settings")[2].partition("\n## ")[0]
    return [row for row in table.splitlines() if row.startswith("| `IMPASTO_")]


def test_every_setting_has_its_place_in_the_readme() -> None:
    documented = [name for row in _rows() for name in NAMED.findall(row.split("|")[1])]
    assert set(documented) == _settings()
    assert len(documented) == len(set(documented))


def test_the_readme_names_no_setting_that_does_not_exist() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert set(re.findall(r"IMPASTO_[A-Z0-9_]*[A-Z0-9]", text)) <= _settings()


def test_settings_of_one_name_have_one_default() -> None:
    for kind in KINDS:
        for other in KINDS:
            for name in kind.model_fields.keys() & other.model_fields.keys() - {
                "home",
                "public_url",
            }:
                ours, theirs = kind.model_fields[name], other.model_fields[name]
                assert ours.get_default() == theirs.get_default(), name
