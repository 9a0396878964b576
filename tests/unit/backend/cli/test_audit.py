"""`impasto audit`: a whole log verifies, a mended one does not, and a long one is exported."""

import json
import sqlite3

import pytest

from backend.cli import main

pytestmark = pytest.mark.usefixtures("home")


@pytest.fixture
def three_keys(capsys):
    """Three decisions on record."""
    for name in ("alice", "bob", "carol"):
        assert main(["key", "create", name]) == 0
    capsys.readouterr()


def mend(tmp_path, *statements: str) -> None:
    connection = sqlite3.connect(tmp_path / "home" / "impasto.db")
    for trigger in ("audit_entries_no_update", "audit_entries_no_delete", "audit_tip_only_grows"):
        connection.execute(f"DROP TRIGGER {trigger}")
    for statement in statements:
        connection.execute(statement)
    connection.commit()
    connection.close()


def verify(capsys) -> tuple[int, dict]:
    status = main(["audit", "verify", "--json"])
    return status, json.loads(capsys.readouterr().out)


def test_an_empty_log_verifies(capsys):
    assert verify(capsys) == (0, {"entries": 0, "ok": True, "first_bad": None})


def test_a_whole_log_verifies(three_keys, capsys):
    assert verify(capsys) == (0, {"entries": 3, "ok": True, "first_bad": None})
    assert main(["audit", "verify"]) == 0
    assert "3 entries, none removed" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("statements", "entries", "first_bad"),
    [
        (["DELETE FROM audit_entries WHERE number = 2"], 2, 2),
        (["DELETE FROM audit_entries WHERE number = 3"], 2, 3),
        (["UPDATE audit_entries SET actor = 'nobody' WHERE number = 2"], 3, 2),
        (
            [
                "UPDATE audit_entries SET number = 9 WHERE number = 1",
                "UPDATE audit_entries SET number = 1 WHERE number = 2",
                "UPDATE audit_entries SET number = 2 WHERE number = 9",
            ],
            3,
            1,
        ),
    ],
    ids=["removed", "cut short", "edited", "reordered"],
)
def test_a_mended_log_does_not_verify(three_keys, capsys, tmp_path, statements, entries, first_bad):
    mend(tmp_path, *statements)
    assert verify(capsys) == (1, {"entries": entries, "ok": False, "first_bad": first_bad})
    assert main(["audit", "verify"]) == 1
    assert f"The first bad one is {first_bad}." in capsys.readouterr().out


def test_an_export_is_one_line_an_entry_and_names_nobody(three_keys, capsys):
    assert main(["audit", "export"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [json.loads(line)["event"]["sequence"] for line in lines] == [1, 2, 3]
    assert not any(name in line for line in lines for name in ("alice", "bob", "carol"))


def test_an_export_that_names_people_is_on_record(three_keys, capsys):
    assert main(["audit", "export", "--after", "2", "--plain-ids"]) == 0
    made, exported = map(json.loads, capsys.readouterr().out.splitlines())
    assert made["impasto"]["detail"] == {"account": "api:carol"}
    assert exported["event"]["action"] == "audit.exported"
    assert exported["user"]["id"].startswith("operator:")
    assert exported["impasto"]["detail"] == {"after": "2"}
    assert verify(capsys)[1]["entries"] == 4


def test_an_export_from_before_the_beginning_is_refused(capsys):
    assert main(["audit", "export", "--after", "-1"]) == 2
