"""Files and functions stay small enough to be read."""

import ast

from tests.architecture.house import name_of, parse, python_files

FILE_LINES_MAX = 400
FUNCTION_LINES_MAX = 60
NAMES_THAT_SAY_NOTHING = {"utils", "util", "helpers", "helper", "common", "base", "misc"}
FILES = [*python_files(), *python_files("tests")]
# A migration is written once and read as a list; it is never worked on again.
WORKED_ON = [path for path in FILES if "migrations/versions" not in name_of(path)]


def test_every_file_can_be_read_in_one_sitting() -> None:
    lines = {name_of(path): len(path.read_text("utf-8").splitlines()) for path in FILES}
    assert {name: count for name, count in lines.items() if count > FILE_LINES_MAX} == {}


def test_every_function_can_be_read_at_a_glance() -> None:
    long = [
        f"{name_of(path)}: {node.name} has {length} lines"
        for path in WORKED_ON
        for node in ast.walk(parse(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (length := (node.end_lineno or 0) - node.lineno + 1) > FUNCTION_LINES_MAX
    ]
    assert long == []


def test_every_file_says_what_it_is_by_its_name() -> None:
    assert [name_of(path) for path in FILES if path.stem in NAMES_THAT_SAY_NOTHING] == []
