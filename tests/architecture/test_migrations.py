"""Migrations are one line: each comes after another, and the files tell in which order."""

from pathlib import Path

from alembic.script import ScriptDirectory

import backend.db.migrations

FOLDER = Path(backend.db.migrations.__path__[0])


def test_the_migrations_are_one_line_in_order_of_their_files():
    script = ScriptDirectory(str(FOLDER))
    (head,) = script.get_heads()
    line = [one.revision for one in script.iterate_revisions(head, "base")]
    files = sorted(path.stem for path in (FOLDER / "versions").glob("[0-9]*.py"))
    assert line[::-1] == [name[:4] for name in files]
