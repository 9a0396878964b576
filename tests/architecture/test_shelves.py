"""Every book on a shelf can be reached by its `open_…`, and loads only when it is chosen."""

import ast
from pathlib import Path

import pytest

from tests.architecture.house import ROOT, name_of, parse, python_files


def _opener(tree: ast.Module) -> list[ast.FunctionDef]:
    return [
        node
        for node in tree.body
        if isinstance(node, ast.FunctionDef) and node.name.startswith("open_")
    ]


def _books(shelf: Path) -> set[str]:
    files = {path.stem for path in shelf.glob("*.py")} - {"__init__"}
    return files | {path.parent.name for path in shelf.glob("*/__init__.py")}


def _imported(nodes: list[ast.AST]) -> set[str]:
    return {
        node.module
        for top in nodes
        for node in ast.walk(top)
        if isinstance(node, ast.ImportFrom) and node.module
    }


SHELVES = [
    path.parent for path in python_files() if path.name == "__init__.py" and _opener(parse(path))
]


def test_there_are_shelves() -> None:
    names = {name_of(shelf) for shelf in SHELVES}
    assert {"gpu_worker/samplers", "gpu_worker/families", "storage/object_stores"} <= names


@pytest.mark.parametrize("shelf", SHELVES, ids=name_of)
def test_every_book_can_be_reached_by_the_shelfs_opener(shelf: Path) -> None:
    package = name_of(shelf).replace("/", ".")
    tree = parse(shelf / "__init__.py")
    functions: list[ast.AST] = [n for n in tree.body if isinstance(n, ast.FunctionDef)]
    for book in _books(shelf):
        name = f"{package}.{book}"
        reached = {module for module in _imported(functions) if f"{module}.".startswith(f"{name}.")}
        assert reached, f"{name} is on no path from {package}.open_…"


@pytest.mark.parametrize("shelf", SHELVES, ids=name_of)
def test_no_book_loads_before_it_is_chosen(shelf: Path) -> None:
    package = name_of(shelf).replace("/", ".")
    tree = parse(shelf / "__init__.py")
    at_import: list[ast.AST] = [n for n in tree.body if isinstance(n, ast.ImportFrom)]
    books = {f"{package}.{book}" for book in _books(shelf)}
    assert not {m for m in _imported(at_import) if any(f"{m}.".startswith(f"{b}.") for b in books)}


@pytest.mark.parametrize("shelf", SHELVES, ids=name_of)
def test_a_choice_left_out_does_not_type_check(shelf: Path) -> None:
    source = (shelf / "__init__.py").read_text(encoding="utf-8")
    assert "match " in source
    assert "assert_never(" in source


def test_every_command_file_can_be_loaded_by_the_bot() -> None:
    files = [p for p in (ROOT / "bot/commands").glob("*.py") if p.name != "__init__.py"]
    assert files
    for path in files:
        setups = [
            node
            for node in parse(path).body
            if isinstance(node, ast.AsyncFunctionDef) and node.name == "setup"
        ]
        assert len(setups) == 1, name_of(path)


def test_every_handler_file_has_a_route() -> None:
    routes = (ROOT / "backend/gateway/routes.py").read_text(encoding="utf-8")
    for path in (ROOT / "backend/gateway/handlers").glob("*.py"):
        if path.name != "__init__.py":
            assert f"{path.stem}." in routes, path.stem
