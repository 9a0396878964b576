"""The table of faults names tests that exist, and stands in the book as it is."""

import ast
from pathlib import Path

import pytest

from tests.e2e.faults.rows import ROWS, as_markdown, as_results, named

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("test", sorted(named()))
def test_every_test_that_the_table_names_exists(test: str) -> None:
    path, _, name = test.partition("::")
    functions = {
        node.name
        for node in ast.walk(ast.parse((ROOT / path).read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    assert name in functions


def test_every_row_is_there_once_and_says_something() -> None:
    assert [row.number for row in ROWS] == list(range(1, 51))
    assert all(row.tests or row.note for row in ROWS)


def test_the_book_shows_the_table_as_it_is() -> None:
    assert as_markdown() in (ROOT / "bench/faults.md").read_text()


def test_a_row_has_passed_when_all_its_tests_have() -> None:
    fine = dict.fromkeys(named(), "passed")
    assert "passed" in as_results(fine)[0]
    assert "failed" in as_results({**fine, ROWS[0].tests[0]: "failed"})[0]
    assert "not run" in as_results({})[0]
