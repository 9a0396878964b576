"""`impasto storage lifecycle`: printed as rules, applied to the folders of a local store."""

import json
import os

import pytest

from backend.bootstrap.images import open_objects
from backend.cli import main
from backend.settings import Settings

pytestmark = pytest.mark.usefixtures("home")

KEY = f"images/ab/{'ab' * 32}/webp.webp"


def test_the_policy_is_printed_as_a_buckets_rules(capsys, monkeypatch):
    monkeypatch.setenv("IMPASTO_STORAGE_WARM_DAYS", "200")
    monkeypatch.setenv("IMPASTO_S3_COLD_CLASS", "DEEP_ARCHIVE")
    assert main(["storage", "lifecycle", "--print"]) == 0
    (rule,) = json.loads(capsys.readouterr().out)["Rules"]
    assert rule["Transitions"][1] == {"Days": 200, "StorageClass": "DEEP_ARCHIVE"}


def test_applied_to_a_local_store_it_moves_what_has_rested(capsys, monkeypatch, tmp_path):
    disk = tmp_path / "other disk"
    monkeypatch.setenv("IMPASTO_STORAGE_COLD_FOLDER", str(disk))
    assert main(["storage", "lifecycle", "--apply"]) == 0
    assert "where it belongs" in capsys.readouterr().out
    open_objects(Settings()).put(KEY, b"picture", "image/webp")
    os.utime(tmp_path / "home" / "objects" / KEY, (0, 0))
    assert main(["storage", "lifecycle", "--apply"]) == 0
    assert capsys.readouterr().out == "1 files are cold now.\n"
    assert (disk / KEY).read_bytes() == b"picture"
    assert open_objects(Settings()).get(KEY) == b"picture"


def test_days_that_make_no_sense_are_refused(capsys, monkeypatch):
    monkeypatch.setenv("IMPASTO_STORAGE_WARM_DAYS", "20")
    assert main(["storage", "lifecycle", "--print"]) == 2
    assert "IMPASTO_STORAGE_WARM_DAYS" in capsys.readouterr().err


def test_one_of_both_must_be_asked_for(capsys):
    assert main(["storage", "lifecycle"]) == 2
