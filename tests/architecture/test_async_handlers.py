"""A coroutine that never awaits blocks everyone else while it works."""

import ast
from pathlib import Path

import pytest

from tests.architecture.house import ROOT, name_of, parse

HANDLERS = [p for p in (ROOT / "backend/gateway/handlers").glob("*.py") if p.stem != "__init__"]
# aiohttp wants coroutines; these answer from memory in microseconds.
NOTHING_TO_WAIT_FOR = {
    "front.show",
    "health.alive",
    "models.list_models",
    "problem_types.explain",
    "removals.form",
}


def _awaits(function: ast.AsyncFunctionDef) -> bool:
    waiting = ast.Await | ast.AsyncFor | ast.AsyncWith
    return any(isinstance(node, waiting) for node in ast.walk(function))


@pytest.mark.parametrize("path", HANDLERS, ids=name_of)
def test_no_async_handler_lacks_an_await(path: Path) -> None:
    idle = {
        f"{path.stem}.{node.name}"
        for node in ast.walk(parse(path))
        if isinstance(node, ast.AsyncFunctionDef) and not _awaits(node)
    }
    assert idle <= NOTHING_TO_WAIT_FOR


@pytest.mark.parametrize("path", HANDLERS, ids=name_of)
def test_every_handler_is_a_coroutine(path: Path) -> None:
    public = [n for n in parse(path).body if isinstance(n, ast.FunctionDef) and n.name[0] != "_"]
    assert [node.name for node in public] == []
