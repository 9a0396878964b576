"""What opens a seal: one command of the operator's, and nothing that speaks to anybody else."""

import ast

from tests.architecture.house import name_of, parse, python_files


def _imports(name: str) -> set[str]:
    return {
        name_of(path)
        for path in python_files()
        for node in ast.walk(parse(path))
        if isinstance(node, ast.ImportFrom) and name in {alias.name for alias in node.names}
    }


def test_one_command_alone_opens_what_is_sealed() -> None:
    assert _imports("unseal") == {"backend/cli/unsealing.py"}
    assert _imports("break_glass") == {"backend/cli/reports.py"}


def test_only_workers_and_the_command_know_where_sealed_pictures_lie() -> None:
    assert _imports("SealedObjects") == {
        "backend/cli/reports.py",
        "backend/cli/unsealing.py",
        "gpu_worker/__main__.py",
        "gpu_worker/release/sealing.py",
    }
