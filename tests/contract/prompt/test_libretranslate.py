"""The HTTP book against a server that speaks its protocol."""

import asyncio
import time

import pytest
from aiohttp import web

from backend.prompt.translator import TranslatorError
from backend.prompt.translators import TranslatorSettings, open_translator
from tests.contract.prompt.libre import Libre, serving


@pytest.fixture
def libre():
    return Libre()


@pytest.fixture
def url(libre):
    with serving(libre) as url:
        yield url


def book(url, **more):
    return open_translator(TranslatorSettings(name="libretranslate", url=url, **more))


def test_all_texts_are_asked_for_at_once_and_come_back_in_order(libre, url):
    translated = book(f"{url}/", api_key="key").translate(["la nieve", "un zorro"], language="es")
    assert translated == ["the snow", "a fox"]
    assert libre.questions == [
        {
            "q": ["la nieve", "un zorro"],
            "source": "es",
            "target": "en",
            "format": "text",
            "api_key": "key",
        }
    ]


def test_a_language_the_server_does_not_read_is_an_error(url):
    with pytest.raises(TranslatorError, match="400"):
        book(url).translate(["x"], language="tlh")


async def _fail(_request):
    return web.json_response({"error": "broken"}, status=500)


async def _redirect(_request):
    raise web.HTTPFound("/elsewhere")


async def _prose(_request):
    return web.Response(text="<html>")


async def _other(_request):
    return web.json_response({"translatedText": [1]})


async def _flood(_request):
    return web.json_response({"translatedText": ["x" * 2_000_000]})


async def _hang_up(request):
    request.transport.close()
    return web.Response()


@pytest.mark.parametrize("misbehave", [_fail, _redirect, _prose, _other, _flood, _hang_up])
def test_whatever_is_no_translation_is_an_error_that_quotes_no_prompt(libre, url, misbehave):
    libre.misbehave = misbehave
    with pytest.raises(TranslatorError) as caught:
        book(url).translate(["un zorro"], language="es")
    assert "zorro" not in str(caught.value)


def test_a_server_that_does_not_answer_is_given_up_in_time(libre, url):
    async def hang(_request):
        await asyncio.to_thread(libre.go.wait, 30)
        return web.Response()

    libre.misbehave = hang
    begun = time.monotonic()
    with pytest.raises(TranslatorError):
        book(url, timeout_s=0.2).translate(["un zorro"], language="es")
    assert time.monotonic() - begun < 10


def test_no_server_is_an_error():
    with pytest.raises(TranslatorError):
        book("http://127.0.0.1:9").translate(["un zorro"], language="es")


def test_an_address_that_is_none_cannot_be_opened():
    with pytest.raises(TranslatorError):
        book("file:///etc/passwd")
