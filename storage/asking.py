"""Short questions over HTTP to what stands in front of the store; answers are read in bounds."""

import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

from storage.errors import StorageUnavailable

TIMEOUT_S: Final = 10.0
ATTEMPTS: Final = 4
FIRST_PAUSE_S: Final = 0.5
_ANSWER_BYTES_MAX: Final = 64 * 1024


class TryAgain(Exception):
    """What was asked may be answered later; the text holds no address and no credential."""


class Refused(Exception):
    """What was asked will not be done, however often it is asked."""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What came of asking: the answer, how often it was asked, and why there is none."""

    answer: str
    attempts: int
    reason: str = ""


def ask_again(
    ask: Callable[[], str],
    *,
    attempts: int = ATTEMPTS,
    pause: Callable[[float], None] = time.sleep,
) -> Asked:
    """Ask until there is an answer or no more sense in asking, twice as patient each time."""
    reason = ""
    for attempt in range(1, attempts + 1):
        try:
            return Asked(answer=ask(), attempts=attempt)
        except Refused as error:
            return Asked(answer="", attempts=attempt, reason=str(error))
        except TryAgain as error:
            reason = str(error)
        if attempt < attempts:
            pause(FIRST_PAUSE_S * 2 ** (attempt - 1))
    return Asked(answer="", attempts=attempts, reason=reason)


def post_json(address: str, body: Mapping[str, Any], *, token: str = "") -> dict[str, Any]:
    """Send a document and return the one that comes back, {} if it is none.

    Raises:
        TryAgain: nobody answers, or the server is busy or broken.
        Refused: the server will not do it.

    """
    headers = {"Content-Type": "application/json"}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    request = urllib.request.Request(  # noqa: S310 - an operator's own setting
        address, data=json.dumps(body).encode(), headers=headers, method="POST"
    )
    try:
        with _open(request) as answer:
            told = json.loads(answer.read(_ANSWER_BYTES_MAX) or b"{}")
    except urllib.error.HTTPError as error:
        error.close()
        if error.code in (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.REQUEST_TIMEOUT):
            raise TryAgain(f"HTTP {error.code}") from error
        kind = TryAgain if error.code >= HTTPStatus.INTERNAL_SERVER_ERROR else Refused
        raise kind(f"HTTP {error.code}") from error
    except OSError as error:
        raise TryAgain(type(error).__name__) from error
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}


def leads_somewhere(link: str) -> bool:
    """Say whether whoever follows a link gets bytes.

    Raises:
        StorageUnavailable: nobody can tell; the server does not answer, or is broken.

    """
    request = urllib.request.Request(link)  # noqa: S310 - a link of our own
    try:
        with _open(request):
            return True
    except urllib.error.HTTPError as error:
        error.close()
        if error.code in (HTTPStatus.NOT_FOUND, HTTPStatus.GONE, HTTPStatus.FORBIDDEN):
            return False
        raise StorageUnavailable(f"a link that was probed: HTTP {error.code}") from error
    except OSError as error:
        raise StorageUnavailable(f"a link that was probed: {type(error).__name__}") from error


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """Follows nobody elsewhere: a credential goes where the setting says and nowhere else."""

    def redirect_request(self, *_words: object, **_names: object) -> None:
        return None


_opener: Final = urllib.request.build_opener(_NoRedirects)


def _open(request: urllib.request.Request) -> Any:  # noqa: ANN401 - urllib's own answer
    return _opener.open(request, timeout=TIMEOUT_S)
