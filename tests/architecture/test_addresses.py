"""Who asks is told in one place, which knows which proxies are believed."""

import ast

from tests.architecture.house import ROOT, parse

GATEWAY = ROOT / "backend" / "gateway"
# Names of what aiohttp takes from the connection, or from a header that anybody can send.
ATTRIBUTES = {"remote", "X_FORWARDED_FOR"}


def test_only_one_module_of_the_gateway_reads_where_a_request_comes_from() -> None:
    readers = {
        path.name
        for path in GATEWAY.rglob("*.py")
        for node in ast.walk(parse(path))
        if (isinstance(node, ast.Attribute) and node.attr in ATTRIBUTES)
        or (isinstance(node, ast.Constant) and node.value == "peername")
    }
    # The door to metrics asks only whether such a header is there.
    assert readers == {"clients.py", "metrics_door.py"}


def test_the_door_to_metrics_does_not_read_who_connects() -> None:
    attributes = {
        node.attr
        for node in ast.walk(parse(GATEWAY / "metrics_door.py"))
        if isinstance(node, ast.Attribute)
    }
    assert "remote" not in attributes
