"""The gateway served as in production: what is no HTTP is refused, and not quoted in a log."""

import asyncio
import logging

import pytest
from aiohttp import web

from backend.gateway.app import make_runner


@pytest.mark.parametrize(
    "raw",
    [
        b"GET /v1/models HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer imp_live_geheim\x00\r\n\r\n",
        b"GET /v1/models HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer imp_live_geheim\n\r\n\r\n",
        b"GET /images/a?sig=geheim HTTP/9.9.9\r\nHost: x\r\n\r\n",
        b"geheim\r\n\r\n",
    ],
)
async def test_what_is_no_http_is_not_quoted_in_the_log(
    raw: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    runner = make_runner(web.Application())
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        reader, writer = await asyncio.open_connection(*runner.addresses[0][:2])
        writer.write(raw)
        answer = await reader.readline()
        writer.close()
        await writer.wait_closed()
    finally:
        await runner.cleanup()
    assert b" 400 " in answer
    assert "geheim" not in caplog.text
