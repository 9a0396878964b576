"""The doors of the offline Discord, without a bot: what they refuse, how they open and close."""

import json
import signal
import socket
import subprocess
import sys
import zlib
from pathlib import Path

import aiohttp
import pytest

from tests.integration.devcord.processes import (
    ROOT,
    Devcord,
    devcord_process,
    eventually,
    http,
    python,
    stop,
)

BOUNDARY = "impasto"


def multipart(*files: bytes) -> tuple[bytes, dict[str, str]]:
    """Return a message with these files, as discord.py sends one."""
    parts = [b'name="payload_json"\r\nContent-Type: application/json\r\n\r\n{"content":"x"}']
    parts += [
        b'name="files[%d]"; filename="f%d.bin"\r\n\r\n%b' % (number, number, data)
        for number, data in enumerate(files)
    ]
    start = b"--impasto\r\nContent-Disposition: form-data; "
    body = b"".join(start + part + b"\r\n" for part in parts) + b"--impasto--\r\n"
    return body, {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}


def messages_url(devcord: Devcord) -> str:
    """Return where messages are posted."""
    return f"{devcord.ready['api_base']}/channels/{devcord.ready['channel_id']}/messages"


def post(devcord: Devcord, *files: bytes):
    """Post a message with files."""
    body, headers = multipart(*files)
    return http("POST", messages_url(devcord), raw=body, headers=headers)


def test_login_answers_with_the_exact_content_type_discord_py_asks_for(bare_devcord):
    answer = http("GET", f"{bare_devcord.ready['api_base']}/users/@me")
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.json["username"] == "Impasto"
    assert answer.json["id"] == bare_devcord.ready["bot_user_id"]


def test_the_gateway_is_announced_at_its_loopback_address(bare_devcord):
    answer = http("GET", f"{bare_devcord.ready['api_base']}/gateway/bot").json
    assert answer["url"] == bare_devcord.ready["gateway"]
    assert answer["session_start_limit"]["max_concurrency"] == 1


def test_a_file_comes_back_under_its_local_address(bare_devcord):
    (stored,) = post(bare_devcord, b"picture").json["attachments"]
    assert stored["url"].startswith(bare_devcord.ready["api_base"].removesuffix("/api/v10"))
    assert http("GET", stored["url"]).body == b"picture"
    assert http("GET", stored["url"] + "x").status == 404


def test_eleven_files_or_one_too_large_are_refused_in_discords_words(bare_devcord):
    eleven = post(bare_devcord, *[b"x"] * 11)
    assert (eleven.status, eleven.json["code"]) == (400, 50035)
    large = post(bare_devcord, bytes(10 * 1024 * 1024 + 1))
    assert (large.status, large.json["code"]) == (413, 40005)


def test_an_unknown_route_is_loud_and_broken_json_is_refused(bare_devcord):
    assert http("GET", f"{bare_devcord.ready['api_base']}/nowhere").status == 501
    assert http("POST", messages_url(bare_devcord), raw=b"{").status == 400
    assert http("POST", messages_url(bare_devcord), ["not", "an", "object"]).status == 400


def test_another_web_page_cannot_reach_in(bare_devcord):
    url = f"{bare_devcord.ready['control']}/messages"
    assert http("GET", url, headers={"Origin": "http://evil.example"}).status == 403
    assert http("GET", url, headers={"Host": "evil.example"}).status == 403


def test_a_sixth_message_within_five_seconds_is_told_to_wait(tmp_path):
    with devcord_process(tmp_path) as devcord:
        answers = [http("POST", messages_url(devcord), {"content": "x"}) for _ in range(6)]
    assert [answer.status for answer in answers] == [200] * 5 + [429]
    assert answers[4].headers["X-RateLimit-Remaining"] == "0"
    assert 0 < answers[5].json["retry_after"] <= 5
    assert "Via" in answers[5].headers


def test_with_a_token_file_only_that_token_logs_in(tmp_path):
    token_file = tmp_path / "token"
    token_file.write_text("right\n")
    with devcord_process(tmp_path, "--token-file", str(token_file)) as devcord:
        me = f"{devcord.ready['api_base']}/users/@me"
        assert http("GET", me, headers={"Authorization": "Bot wrong"}).status == 401
        assert http("GET", me, headers={"Authorization": "Bot right"}).status == 200


async def identified(socket_: aiohttp.ClientWebSocketResponse, **data: object) -> list[dict]:
    """Log in over the gateway and return what follows, up to the first guild or the end."""
    assert (await socket_.receive_json())["op"] == 10
    await socket_.send_json({"op": 2, "d": {"token": "any", "intents": 1, **data}})
    events = [await socket_.receive_json()]
    if events[0]["d"]["guilds"]:
        events.append(await socket_.receive_json())
    return events


async def test_the_gateway_lists_guilds_as_unavailable_and_then_brings_them(bare_devcord):
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(bare_devcord.ready["gateway"]) as it,
    ):
        ready, guild = await identified(it)
        assert ready["d"]["guilds"] == [{"id": bare_devcord.ready["guild_id"], "unavailable": True}]
        assert (guild["t"], guild["s"]) == ("GUILD_CREATE", 2)
        await it.send_json({"op": 1, "d": 2})
        assert (await it.receive_json())["op"] == 11


async def test_an_event_outside_the_intents_is_not_delivered(bare_devcord):
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(bare_devcord.ready["gateway"]) as it,
    ):
        await identified(it)
        post(bare_devcord, b"unheard")
        await it.send_json({"op": 1, "d": 2})
        assert (await it.receive_json())["op"] == 11


async def test_a_resumed_session_has_to_log_in_anew(bare_devcord):
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(bare_devcord.ready["gateway"]) as it,
    ):
        await it.receive_json()
        await it.send_json({"op": 6, "d": {"token": "any", "session_id": "old", "seq": 7}})
        assert await it.receive_json() == {"op": 9, "d": False, "s": None, "t": None}


async def test_the_gateway_compresses_only_when_asked(bare_devcord):
    url = bare_devcord.ready["gateway"] + "?v=10&encoding=json&compress=zlib-stream"
    async with aiohttp.ClientSession() as session, session.ws_connect(url) as it:
        packed = await it.receive_bytes()
        assert packed.endswith(b"\x00\x00\xff\xff")
        assert json.loads(zlib.decompressobj().decompress(packed))["op"] == 10


async def test_a_shard_that_cannot_be_is_sent_away(bare_devcord):
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(bare_devcord.ready["gateway"]) as it,
    ):
        await it.receive_json()
        await it.send_json({"op": 2, "d": {"token": "any", "intents": 1, "shard": [2, 2]}})
        assert (await it.receive()).type is aiohttp.WSMsgType.CLOSE
        assert it.close_code == 4010


def test_a_signal_stops_it_and_leaves_nothing(tmp_path):
    with devcord_process(tmp_path) as devcord:
        assert devcord.ready_file.stat().st_mode & 0o077 == 0
        assert devcord.process.stdout.readline() == (
            f"Offline Discord: {devcord.ready['page_url']}\n"
        )
        port = int(devcord.ready["gateway"].rpartition(":")[2].partition("/")[0])
        assert stop(devcord.process, signal.SIGINT) == 0
        assert not devcord.ready_file.exists()
        with socket.socket() as probe:
            assert probe.connect_ex(("127.0.0.1", port)) != 0


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child of its parent's end")
def test_it_does_not_outlive_the_process_that_started_it(tmp_path):
    ready_file = tmp_path / "devcord.json"
    start = (
        "import subprocess, sys; subprocess.run([sys.executable, '-m', 'bot.devcord',"
        f" '--ready-file', {str(ready_file)!r}], check=False)"
    )
    parent = python("-c", start, stdout=subprocess.PIPE)
    eventually(ready_file.exists)
    pid = json.loads(ready_file.read_text())["pid"]
    stop(parent, signal.SIGKILL)
    eventually(lambda: not Path(f"/proc/{pid}").exists() or _is_zombie(pid))


def _is_zombie(pid: int) -> bool:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"


def test_without_simcord_it_says_in_one_sentence_what_to_install():
    block = (
        "import sys; sys.modules['simcord'] = None;"
        "from bot.devcord.__main__ import main; sys.exit(main([]))"
    )
    ended = subprocess.run(  # noqa: S603 - our own interpreter
        [sys.executable, "-c", block], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 2
    assert ended.stderr.count("\n") == 1
    assert "pip install" in ended.stderr
