"""Settings of stores, of who makes links and of who is told of removals, and what they open."""

import os

import pytest
from pydantic import ValidationError

from backend.bootstrap.images import open_images
from backend.settings import Settings, setting_problems
from storage.link_signers import CloudflareLinks, CloudFrontLinks
from storage.purgers import CloudflarePurge, CloudFrontPurge, HookPurge
from tests.builders import NOW

KEY = f"images/ab/{'ab' * 32}/webp.webp"
BUCKET = {"s3_bucket": "pictures", "s3_access_key_id": "a", "s3_secret_access_key": "s"}


@pytest.fixture(autouse=True)
def _alone(monkeypatch):
    for name in os.environ:
        if name.startswith("IMPASTO_"):
            monkeypatch.delenv(name)


def test_without_settings_the_store_makes_its_own_links_and_nobody_is_told(tmp_path):
    settings = Settings(home=tmp_path)
    assert (settings.cdn_links, settings.purge_settings) == (None, None)
    link = open_images(settings).link(KEY, 600, NOW)
    assert link.startswith(f"{settings.public_url}/images/{KEY}?exp=")


def test_before_a_bucket_cloudflare_makes_the_links(tmp_path):
    (tmp_path / "secret").write_text("a secret of many characters")
    settings = Settings(
        home=tmp_path,
        cdn="cloudflare",
        cdn_url="https://img.example.org",
        cdn_key_file=tmp_path / "secret",
        **BUCKET,
    )
    assert isinstance(settings.cdn_links, CloudflareLinks)
    link = open_images(settings).link(KEY, 600, NOW)
    assert link.startswith(f"https://img.example.org/{KEY}?verify=")


def test_cloudfront_is_known_by_its_key_pair(tmp_path):
    given = {"cdn": "cloudfront", "cdn_url": "https://d1.cloudfront.net", **BUCKET}
    settings = Settings(home=tmp_path, cdn_key_file=tmp_path / "key.pem", cdn_key_id="K1", **given)
    assert settings.cdn_links == CloudFrontLinks(
        url="https://d1.cloudfront.net", key_pair_id="K1", private_key_file=tmp_path / "key.pem"
    )


@pytest.mark.parametrize(
    ("given", "opened"),
    [
        ({"purge": "hook", "purge_target": "https://here"}, HookPurge),
        ({"purge": "cloudfront", "purge_target": "D1"}, CloudFrontPurge),
        (
            {"purge": "cloudflare", "purge_target": "z1", "cdn_url": "https://img.example.org"},
            CloudflarePurge,
        ),
    ],
)
def test_who_is_told_of_removals_is_a_setting(tmp_path, given, opened):
    settings = Settings(home=tmp_path, purge_token="t0ken", **given)  # noqa: S106
    assert isinstance(settings.purge_settings, opened)
    assert "t0ken" not in repr(settings.purge_settings)


def test_guilds_keep_pictures_as_long_as_they_say(monkeypatch):
    monkeypatch.setenv("IMPASTO_RETENTION_GUILDS", "4711=30, 4712=none,")
    assert Settings().retention_guilds == {"4711": 30, "4712": None}


@pytest.mark.parametrize("text", ["4711", "4711=soon", "4711=0"])
def test_days_of_guilds_that_are_none_are_refused(monkeypatch, text):
    monkeypatch.setenv("IMPASTO_RETENTION_GUILDS", text)
    with pytest.raises(ValidationError) as refused:
        Settings()
    assert {name for name, _ in setting_problems(refused.value)} == {"IMPASTO_RETENTION_GUILDS"}


@pytest.mark.parametrize(
    ("given", "names"),
    [
        ({"cdn": "cloudflare"}, {"IMPASTO_CDN"}),
        ({"cdn": "cloudflare", **BUCKET}, {"IMPASTO_CDN_URL", "IMPASTO_CDN_KEY_FILE"}),
        (
            {"cdn": "cloudfront", "cdn_url": "https://x", "cdn_key_file": "k", **BUCKET},
            {"IMPASTO_CDN_KEY_ID"},
        ),
        ({"purge": "hook"}, {"IMPASTO_PURGE_TARGET"}),
        ({"purge": "cloudflare", "purge_target": "z"}, {"IMPASTO_PURGE"}),
        ({"storage_hot_days": 400}, {"IMPASTO_STORAGE_WARM_DAYS"}),
    ],
)
def test_half_a_setting_is_refused_by_its_name(given, names):
    with pytest.raises(ValidationError) as refused:
        Settings(**given)
    assert {name for name, _ in setting_problems(refused.value)} == names
