"""Discord's OpenAPI document, read strictly, takes what discord.py sends and nothing unknown."""

import pytest

from bot.devcord.openapi import OpenApiJudge

CALLBACK = "/interactions/1/token/callback"
ORIGINAL = "/webhooks/1/token/messages/@original"


@pytest.fixture(scope="module")
def judge(openapi) -> OpenApiJudge:
    return OpenApiJudge(openapi)


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/api/v10/users/@me?with=query", None),
        ("POST", CALLBACK, {"type": 5}),
        ("POST", CALLBACK, {"type": 4, "data": {"content": "x", "tts": False, "flags": 64}}),
        ("PATCH", ORIGINAL, {"content": "x", "attachments": [{"id": 0, "filename": "a.png"}]}),
        ("POST", "/channels/1/messages", {"content": "x", "message_reference": {"message_id": 3}}),
        ("PUT", "/applications/1/commands", [{"name": "a", "description": "b", "nsfw": False}]),
        ("DELETE", "/channels/1/messages/2", None),
    ],
)
def test_what_discord_py_sends_is_accepted(judge, method, path, body):
    assert judge.problems(method, path, body) == []


@pytest.mark.parametrize(
    ("method", "path", "body", "complaint"),
    [
        ("GET", "/nowhere", None, "no such route"),
        ("POST", CALLBACK, None, "a body is required"),
        ("POST", CALLBACK, {"type": 4, "data": {"contnt": "x"}}, "'contnt' was unexpected"),
        (
            "POST",
            CALLBACK,
            {"type": 8, "data": {"choices": [{"name": "a", "value": "b"}] * 26}},
            "data/choices: [{'name'",
        ),
        (
            "PATCH",
            ORIGINAL,
            {
                "components": [
                    {
                        "type": 1,
                        "components": [
                            {"type": 2, "style": 1, "label": "x" * 81, "custom_id": "a"}
                        ],
                    }
                ]
            },
            "components/0/components/0/label",
        ),
        (
            "PUT",
            "/applications/1/commands",
            [{"name": "a", "description": "d" * 101}],
            "is too long",
        ),
    ],
)
def test_a_fault_is_named_with_its_place(judge, method, path, body, complaint):
    (problem,) = judge.problems(method, path, body)
    assert complaint in problem


def test_the_literal_route_is_preferred_to_the_parameter(judge):
    (problem,) = judge.problems("PATCH", ORIGINAL, {"unknown": 1})
    assert "/messages/@original" in problem
