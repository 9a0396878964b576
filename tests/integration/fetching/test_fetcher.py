"""Pictures behind links: fetched within bounds, from real servers, and never from within."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from backend.domain.errors import (
    BadInput,
    PictureInvalid,
    PictureLinkInvalid,
    PictureLinkUnreachable,
    PictureTooLarge,
)
from backend.fetching.addresses import is_public
from backend.fetching.fetcher import FetchLimits, PictureFetcher
from tests.fakes.certificates import self_signed
from tests.fakes.link_servers import LinkServer, a_png, link_server

OUTSIDE, INSIDE = "127.0.0.2", "127.0.0.1"
ANY = "0.0.0.0"  # noqa: S104 - a link to it, nothing is bound


def is_outside(address: str) -> bool:
    """Stand in for the public network by one of loopback's addresses."""
    return address == OUTSIDE


@pytest.fixture
async def outside() -> AsyncIterator[LinkServer]:
    async with link_server(OUTSIDE) as server:
        yield server


@pytest.fixture
async def inside(outside: LinkServer) -> AsyncIterator[LinkServer]:
    """Answer at the same port, where nobody may go."""
    async with link_server(INSIDE, outside.port) as server:
        yield server


def fetcher_for(server: LinkServer, **more) -> PictureFetcher:
    limits = {
        "ports": frozenset({80, 443, server.port}),
        "timeout_s": 5.0,
        **more.pop("limits", {}),
    }
    return PictureFetcher(**{"rule": is_outside, "limits": FetchLimits(**limits), **more})


async def test_a_picture_is_fetched_and_its_server_learns_nothing_of_the_asker(
    outside: LinkServer,
) -> None:
    assert await fetcher_for(outside).fetch(outside.link("/fox.png#top")) == a_png()
    (head,) = outside.heads
    assert head.startswith("GET /fox.png HTTP/1.1")
    assert not {"cookie", "authorization", "referer"} & {
        line.partition(":")[0].lower() for line in head.splitlines()
    }


async def test_a_signed_link_reaches_its_server_as_it_was_written(outside: LinkServer) -> None:
    path = "/attachments/1/2/fox.png?ex=65a&is=65b&hm=0f%2Fa9&=&width=10"
    outside.answer(path, a_png())
    assert await fetcher_for(outside).fetch(outside.link(path)) == a_png()


# As hosts of links: all of them come to loopback by one system or another.
WAYS_IN = [
    *("127.0.0.1", "localhost", "localhost.", "LOCALHOST", "127.0.0.1.", "127.1", "127.0.1"),
    *("2130706433", "0x7f000001", "0x7f.1", "0177.0.0.1", "017700000001", "0", ANY),
    *("[::]", "[::1]", "[0:0:0:0:0:0:0:1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]"),
    *("[::127.0.0.1]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]", "[::ffff:0:127.0.0.1]"),
    *("\u2460\u2461\u2466.0.0.1", "\uff11\uff12\uff17.0.0.1", "127\u30020\u30020\u30021"),
    *("127.0.0.1%2f", "a@127.0.0.1", "a:b@127.0.0.1", "127.0.0.1%00.example", "[fe80::1%25lo]"),
    *("169.254.169.254", "metadata.google.internal", "10.0.0.1", "redis", "postgres"),
]


@pytest.mark.parametrize("host", WAYS_IN)
async def test_no_packet_reaches_what_is_not_public(host: str) -> None:
    async with link_server(INSIDE) as inside, link_server("::1", inside.port) as inside_v6:
        fetcher = fetcher_for(inside, rule=is_public, limits={"timeout_s": 2.0})
        with pytest.raises(BadInput) as caught:
            await fetcher.fetch(f"http://{host}:{inside.port}/fox.png")
    assert isinstance(caught.value, PictureLinkInvalid | PictureLinkUnreachable)
    assert caught.value.way_out
    assert (inside.visits, inside_v6.visits) == (0, 0)


@pytest.mark.parametrize(
    "link",
    [
        "file:///etc/passwd",
        "gopher://127.0.0.1/x",
        "ftp://127.0.0.1/x",
        "data:image/png;base64,AAAA",
        "//127.0.0.1/x",
        "http:///x.png",
        "http://",
        "http://[::1",
        "https://a@b.example/x.png",
        "https://x.example:22/x.png",
        "https://x.example:99999/x.png",
        "http://x.example:6379/x.png",
        "https://x.example/" + "a" * 2000,
    ],
)
async def test_what_is_no_link_to_a_usual_port_is_not_followed(link: str) -> None:
    async def resolve(host: str, port: int) -> Sequence[str]:
        raise AssertionError((host, port))

    with pytest.raises(PictureLinkInvalid):
        await PictureFetcher(resolve=resolve).fetch(link)


async def test_a_name_is_looked_up_once_and_what_it_means_later_does_not_count(
    outside: LinkServer, inside: LinkServer
) -> None:
    answers = [[OUTSIDE], [INSIDE], [INSIDE]]

    async def resolve(host: str, port: int) -> Sequence[str]:
        return answers.pop(0)

    link = outside.link(host="rebound.example")
    assert await fetcher_for(outside, resolve=resolve).fetch(link) == a_png()
    assert len(answers) == 2
    assert (outside.visits, inside.visits) == (1, 0)


@pytest.mark.parametrize("answer", [[OUTSIDE, INSIDE], [INSIDE, OUTSIDE], []])
async def test_a_name_that_leads_outside_and_inside_is_refused_whole(
    outside: LinkServer, inside: LinkServer, answer: list[str]
) -> None:
    async def resolve(host: str, port: int) -> Sequence[str]:
        return answer

    with pytest.raises(PictureLinkUnreachable):
        await fetcher_for(outside, resolve=resolve).fetch(outside.link(host="mixed.example"))
    assert (outside.visits, inside.visits) == (0, 0)


async def test_the_socket_is_a_gate_of_its_own(inside: LinkServer) -> None:
    looks = [True]

    def rule(address: str) -> bool:
        return looks.pop() if looks else False

    with pytest.raises(PictureLinkUnreachable):
        await fetcher_for(inside, rule=rule).fetch(inside.link())
    assert looks == []
    assert inside.visits == 0


async def test_whoever_was_reached_after_all_is_asked_nothing(outside: LinkServer) -> None:
    looks = [True, True]

    def rule(address: str) -> bool:
        return looks.pop() if looks else False

    with pytest.raises(PictureLinkUnreachable):
        await fetcher_for(outside, rule=rule).fetch(outside.link())
    assert outside.paths == []


async def test_three_redirects_are_followed_and_no_fourth(outside: LinkServer) -> None:
    outside.redirect("/3", "/2", status="301 Moved")
    outside.redirect("/2", outside.link("/1"), status="307 Temporary")
    outside.redirect("/1", "fox.png", status="308 Permanent")
    assert await fetcher_for(outside).fetch(outside.link("/3")) == a_png()
    outside.redirect("/4", "/3", status="303 See Other")
    with pytest.raises(PictureLinkUnreachable):
        await fetcher_for(outside).fetch(outside.link("/4"))
    outside.redirect("/loop", "/loop")
    with pytest.raises(PictureLinkUnreachable):
        await fetcher_for(outside).fetch(outside.link("/loop"))
    assert outside.paths.count("/loop") == 4


@pytest.mark.parametrize(
    "to",
    [
        "http://127.0.0.1:{port}/fox.png",
        "http://localhost:{port}/fox.png",
        "//127.0.0.1:{port}/fox.png",
        "http://2130706433:{port}/fox.png",
        "http://a@127.0.0.2:{port}/fox.png",
        "file:///etc/passwd",
        "gopher://127.0.0.2:{port}/",
        "data:image/png,x",
        "http://127.0.0.2:1/fox.png",
        "http://[",
    ],
)
async def test_a_redirect_is_looked_at_like_a_link(
    outside: LinkServer, inside: LinkServer, to: str
) -> None:
    outside.redirect("/out", to.format(port=outside.port))
    with pytest.raises((PictureLinkInvalid, PictureLinkUnreachable)):
        await fetcher_for(outside).fetch(outside.link("/out"))
    assert outside.paths == ["/out"]
    assert inside.visits == 0


async def test_proxies_of_the_environment_are_not_asked(
    outside: LinkServer, inside: LinkServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy", "HTTPS_PROXY"):
        monkeypatch.setenv(name, inside.link(""))
    assert await fetcher_for(outside).fetch(outside.link()) == a_png()
    assert inside.visits == 0


async def drip(head: str, writer: asyncio.StreamWriter) -> None:
    """Send an endless picture, a byte at a time."""
    writer.write(b"HTTP/1.1 200 OK\r\n\r\n" + a_png()[:16])
    while True:
        writer.write(b"x")
        await writer.drain()
        await asyncio.sleep(0.02)


async def pour(head: str, writer: asyncio.StreamWriter) -> None:
    """Send an endless picture as fast as it is taken, and say nothing of its length."""
    writer.write(b"HTTP/1.1 200 OK\r\n\r\n" + a_png())
    while True:
        writer.write(bytes(65536))
        await writer.drain()


async def say_nothing(head: str, writer: asyncio.StreamWriter) -> None:
    """Take the request and keep quiet until they leave."""
    await writer.wait_closed()


@pytest.mark.parametrize("answer", [drip, say_nothing])
async def test_who_takes_too_long_is_left(outside: LinkServer, answer) -> None:
    outside.answers["/slow"] = answer
    with pytest.raises(PictureLinkUnreachable) as caught:
        await fetcher_for(outside, limits={"timeout_s": 0.3}).fetch(outside.link("/slow"))
    assert "too long" in caught.value.message


async def test_a_name_that_is_looked_up_for_ever_is_left() -> None:
    async def resolve(host: str, port: int) -> Sequence[str]:
        await asyncio.sleep(30)
        return []

    fetcher = PictureFetcher(resolve=resolve, limits=FetchLimits(timeout_s=0.1))
    with pytest.raises(PictureLinkUnreachable):
        await fetcher.fetch("https://slow.example/x.png")


async def test_no_more_is_read_than_may_be(outside: LinkServer) -> None:
    outside.answers["/pour"] = pour
    few = {"bytes_max": 1 << 20}
    with pytest.raises(PictureTooLarge):
        await fetcher_for(outside, limits=few).fetch(outside.link("/pour"))
    outside.answer("/announced", a_png() + bytes(1 << 20))
    with pytest.raises(PictureTooLarge):
        await fetcher_for(outside, limits=few).fetch(outside.link("/announced"))


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"<!doctype html><title>a page</title>", "image/png"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "image/svg+xml"),
        (b"%PDF-1.7 and more of it", "image/png"),
        (b"\x1f\x8b\x08\x00 packed, whatever it is", "image/png"),
        (b"", "image/png"),
        (b"\x89PN", "image/png"),
    ],
)
async def test_what_a_server_calls_a_picture_is_looked_at(
    outside: LinkServer, body: bytes, kind: str
) -> None:
    outside.answer("/x", body, headers=(f"Content-Type: {kind}", "Content-Encoding: gzip"))
    with pytest.raises(PictureInvalid):
        await fetcher_for(outside).fetch(outside.link("/x"))
    outside.answer("/y", a_png(), headers=("Content-Type: text/html",))
    assert await fetcher_for(outside).fetch(outside.link("/y")) == a_png()


async def test_what_is_not_there_and_who_is_not_there_are_told(outside: LinkServer) -> None:
    with pytest.raises(PictureLinkUnreachable) as caught:
        await fetcher_for(outside).fetch(outside.link("/nothing"))
    assert "404" in caught.value.message
    outside.answers["/rude"] = b"220 smtp.example ESMTP\r\n"
    with pytest.raises(PictureLinkUnreachable):
        await fetcher_for(outside).fetch(outside.link("/rude"))


async def test_a_certificate_that_nobody_vouches_for_is_not_trusted(tmp_path: Path) -> None:
    certificate, key = self_signed(tmp_path, host="fox.example")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    told = LinkServer(host=OUTSIDE)
    server = await asyncio.start_server(told.meet, OUTSIDE, 0, ssl=context)
    told.port = server.sockets[0].getsockname()[1]

    async def resolve(host: str, port: int) -> Sequence[str]:
        return [OUTSIDE]

    try:
        with pytest.raises(PictureLinkUnreachable):
            await fetcher_for(told, resolve=resolve).fetch(f"https://fox.example:{told.port}/x.png")
    finally:
        server.close()
    assert told.paths == []
