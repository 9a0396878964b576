"""Environment in, values out."""

from pathlib import Path

import pytest

from backend.contracts import ModelFamily
from gpu_worker.__main__ import main, open_artist
from gpu_worker.engine.stock import LateStock
from gpu_worker.settings import Settings
from gpu_worker.state import ModelNotConfigured
from gpu_worker.vitals import Dials
from storage.object_stores import LocalStoreSettings, S3StoreSettings


def test_without_a_bucket_pictures_are_kept_under_home(tmp_path: Path):
    store = Settings(home=tmp_path).object_store()
    assert isinstance(store, LocalStoreSettings)
    assert store.root == tmp_path / "objects"
    assert (tmp_path / "signing.json").exists()


def test_with_a_bucket_they_go_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("IMPASTO_S3_BUCKET", "pictures")
    monkeypatch.setenv("IMPASTO_S3_SECRET_ACCESS_KEY", "hush")
    settings = Settings(home=tmp_path)
    store = settings.object_store()
    assert isinstance(store, S3StoreSettings)
    assert (store.bucket, store.secret_access_key) == ("pictures", "hush")
    assert "hush" not in repr(settings)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("family", list(ModelFamily))
@pytest.mark.parametrize("source", [None, ""])
def test_a_family_without_a_model_says_which_variable_to_set(
    tmp_path: Path, family: ModelFamily, source: str | None
):
    settings = Settings(home=tmp_path, **{f"model_{family}": source})
    with pytest.raises(ModelNotConfigured) as caught:
        open_artist(settings, family, LateStock(), Dials())
    assert str(caught.value) == (
        f"No model is configured for {family}. "
        f"Set IMPASTO_MODEL_{family.upper()} to a diffusers folder."
    )


def test_only_a_hub_id_needs_the_hub(tmp_path: Path):
    def settings(source: str | None) -> Settings:
        return Settings(home=tmp_path, model_sdxl=source)

    assert settings("stabilityai/sdxl-turbo").needs_hub(ModelFamily.SDXL)
    assert not settings(str(tmp_path)).needs_hub(ModelFamily.SDXL)
    assert not settings(None).needs_hub(ModelFamily.SDXL)


def test_unusable_settings_are_named_without_their_values(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setenv("IMPASTO_DEVICE", "a toaster")
    monkeypatch.setenv("IMPASTO_THREADS", "0")
    assert main(["--family", "sdxl"]) == 2
    error = capsys.readouterr().err
    assert "IMPASTO_DEVICE" in error
    assert "IMPASTO_THREADS" in error
    assert "toaster" not in error


def test_without_a_broker_it_says_what_to_set(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.delenv("IMPASTO_REDIS_URL", raising=False)
    assert main(["--family", "sdxl"]) == 2
    assert "IMPASTO_REDIS_URL" in capsys.readouterr().err
