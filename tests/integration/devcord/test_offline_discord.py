"""A real discord.py process lives in the offline Discord as in the real one."""

import base64
import signal

import pytest

from tests.integration.devcord.processes import (
    Devcord,
    bot_process,
    devcord_process,
    eventually,
    http,
    stop,
)


def echo(devcord: Devcord, text: str) -> dict:
    """Have alice ask for a text and wait for the picture."""
    shown = devcord.act("alice", "slash", name="echo", options={"text": text})
    assert shown["acknowledged"]
    return devcord.wait_for_content(shown["message_id"], f"you said: {text}")


def press_again(devcord: Devcord, message: dict) -> dict:
    """Have bob press the button under a message."""
    return devcord.act("bob", "click", message_id=message["id"], label="Again")


def token_of(devcord: Devcord, interaction_id: str) -> str:
    """Return an interaction's token, as the bot used it."""
    paths = [request["path"] for request in devcord.get("requests")]
    return next(p.split("/")[3] for p in paths if p.startswith(f"/interactions/{interaction_id}/"))


def test_a_deferred_command_ends_in_a_picture_that_can_be_fetched(devcord):
    message = echo(devcord, "a red fox")
    assert message["author"] == "Impasto"
    assert message["edits"] >= 3
    (picture,) = message["attachments"]
    fetched = http("GET", picture["url"])
    assert fetched.headers["Content-Type"] == "image/png"
    assert len(fetched.body) == picture["size"]


def test_the_bot_reads_an_uploaded_picture(devcord):
    upload = {"filename": "in.png", "base64": base64.b64encode(b"x" * 321).decode()}
    shown = devcord.act("alice", "slash", name="echo", options={"text": "up", "image": upload})
    devcord.wait_for_content(shown["message_id"], "you said: up with 321 bytes")


def test_a_suggestion_answers_what_was_typed(devcord):
    offered = devcord.act("alice", "autocomplete", name="echo", option="text", value="hey")
    assert offered["choices"] == [{"name": "HEY", "value": "HEY"}]


def test_a_form_is_shown_and_its_answer_seen_by_its_sender_only(devcord):
    shown = devcord.act("bob", "slash", name="ask")
    assert shown["modal"]["title"] == "Echo"
    sent = devcord.act(
        "bob", "submit", interaction_id=shown["interaction_id"], values={"text": "hello"}
    )
    assert sent["ephemeral"]
    assert devcord.message(sent["message_id"])["content"] == "you wrote hello"


def test_a_moderators_command_is_hidden_from_others(devcord):
    assert "default-member-permissions" in devcord.refusal("alice", "slash", name="secret")
    assert devcord.act("moderator", "slash", name="secret")["ephemeral"]


def test_an_interaction_token_dies_after_fifteen_minutes_with_discords_own_code(devcord):
    shown = devcord.act("alice", "slash", name="ask")
    application_id = devcord.ready["application_id"]
    token = token_of(devcord, shown["interaction_id"])
    url = f"{devcord.ready['api_base']}/webhooks/{application_id}/{token}"
    http("POST", f"{devcord.ready['control']}/advance", {"seconds": 14.9 * 60})
    assert http("POST", url, {"content": "in time"}).status == 200
    http("POST", f"{devcord.ready['control']}/advance", {"seconds": 12})
    late = http("POST", url, {"content": "too late"})
    assert (late.status, late.json["code"]) == (401, 50027)


def test_a_killed_bot_comes_back_and_its_old_buttons_answer(tmp_path):
    with devcord_process(tmp_path) as devcord:
        with bot_process(devcord) as bot:
            message = echo(devcord, "remember me")
            stop(bot, signal.SIGKILL)
            devcord.wait_for_bots(0)
        # With nobody there a press is let go after three seconds instead of hanging.
        assert not press_again(devcord, message)["acknowledged"]
        with bot_process(devcord):
            pressed = press_again(devcord, message)
            again = devcord.message(pressed["message_id"])
            assert again["content"] == "again: remember me"
            assert again["attachments"]


def test_of_two_shards_only_the_owner_answers_for_the_guild(tmp_path):
    with devcord_process(tmp_path) as devcord:
        owner = (int(devcord.ready["guild_id"]) >> 22) % 2
        with bot_process(devcord, str(owner), "2"), bot_process(devcord, str(1 - owner), "2") as it:
            devcord.wait_for_bots(2)
            asked = devcord.act("alice", "slash", name="ask")["interaction_id"]
            statuses = [
                request["status"]
                for request in devcord.get("requests")
                if request["path"].startswith(f"/interactions/{asked}/")
            ]
            assert statuses == [200]
            stop(it, signal.SIGKILL)
            devcord.wait_for_bots(1)
            assert devcord.act("alice", "slash", name="ask")["acknowledged"]


@pytest.mark.usefixtures("openapi")
def test_what_discords_document_forbids_is_reported_and_nothing_else(devcord):
    before = devcord.get("problems")
    echo(devcord, "well-behaved")
    devcord.act("alice", "slash", name="ask")
    assert devcord.get("problems") == before
    devcord.act("alice", "slash", name="crooked")
    eventually(lambda: devcord.get("problems") != before)
    assert "'colour' was unexpected" in devcord.get("problems")[len(before)]
