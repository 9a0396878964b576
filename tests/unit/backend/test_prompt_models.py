"""Which models judge prompts is told by settings."""

import pytest
from pydantic import ValidationError

from backend.settings import Settings
from safety.prompt_checks import PromptCheckSettings


def test_no_model_judges_unless_one_is_set():
    assert Settings().prompt_check_settings == PromptCheckSettings()


def test_settings_name_the_models_and_which_label_is_which_category(monkeypatch):
    monkeypatch.setenv("IMPASTO_PROMPT_GUARD_MODEL", "/models/guard")
    monkeypatch.setenv("IMPASTO_PROMPT_GUARD_LABELS", "TOXIC=hate, NSFW=sexual")
    monkeypatch.setenv("IMPASTO_PROMPT_NAMES_MODEL", "/models/names")
    monkeypatch.setenv("IMPASTO_PROMPT_MODEL_DEADLINE_S", "0.5")
    assert Settings().prompt_check_settings == PromptCheckSettings(
        guard_model="/models/guard",
        guard_labels={"TOXIC": "hate", "NSFW": "sexual"},
        names_model="/models/names",
        deadline_s=0.5,
    )


@pytest.mark.parametrize("labels", ["", "TOXIC", "TOXIC=Hate Speech"])
def test_a_guard_whose_labels_say_nothing_is_refused(monkeypatch, labels):
    monkeypatch.setenv("IMPASTO_PROMPT_GUARD_MODEL", "/models/guard")
    monkeypatch.setenv("IMPASTO_PROMPT_GUARD_LABELS", labels)
    with pytest.raises(ValidationError, match="prompt_guard_labels"):
        Settings()
