"""Translates by a server that speaks LibreTranslate's protocol."""

import json
from collections.abc import Sequence
from http import HTTPStatus
from http.client import HTTPException
from typing import Final
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from backend.prompt.translator import TranslatorError

ANSWER_MAX_BYTES: Final = 1_000_000
_ITS_CODES: Final = {"no": "nb"}


class _NoRedirects(HTTPRedirectHandler):
    """Prompts go to the server that was set, and to no other."""

    def redirect_request(self, *_: object) -> None:
        return None


class LibreTranslate:
    """Asks `POST {url}/translate`, all texts at once."""

    name = "libretranslate"

    def __init__(self, *, url: str, api_key: str = "", timeout_s: float = 3.0) -> None:
        if urlsplit(url).scheme not in ("http", "https"):
            raise TranslatorError("IMPASTO_TRANSLATOR_URL must be the http address of a server.")
        self._url = f"{url.rstrip('/')}/translate"
        self._api_key = api_key
        self._timeout_s = timeout_s
        self._opener = build_opener(_NoRedirects)

    def reads(self, language: str) -> bool:
        # The server knows which; it refuses what it does not read.
        return language != "und"

    def translate(self, texts: Sequence[str], *, language: str) -> list[str]:
        question = {
            "q": list(texts),
            "source": _ITS_CODES.get(language, language),
            "target": "en",
            "format": "text",
        }
        if self._api_key:
            question["api_key"] = self._api_key
        answer = self._ask(json.dumps(question).encode())
        english = answer.get("translatedText") if isinstance(answer, dict) else None
        if not isinstance(english, list) or not all(isinstance(one, str) for one in english):
            raise TranslatorError("the server's answer holds no list of translations")
        return english

    def _ask(self, body: bytes) -> object:
        request = Request(  # noqa: S310 - an http address, checked above
            self._url, data=body, headers={"Content-Type": "application/json"}
        )
        try:
            with self._opener.open(request, timeout=self._timeout_s) as response:
                if response.status != HTTPStatus.OK:
                    raise TranslatorError(f"the server answered {response.status}")
                read = response.read(ANSWER_MAX_BYTES + 1)
        except HTTPError as error:
            error.close()
            raise TranslatorError(f"the server answered {error.code}") from None
        except (OSError, HTTPException) as error:
            raise TranslatorError(f"the server cannot be asked: {error}") from error
        if len(read) > ANSWER_MAX_BYTES:
            raise TranslatorError("the server's answer is too long")
        try:
            return json.loads(read)
        except ValueError:
            raise TranslatorError("the server's answer is not JSON") from None
