"""Asks a bank for its list: no redirect is followed, no answer is longer than it may be."""

import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.message import Message
from http.client import HTTPException
from typing import Final
from urllib.parse import urlsplit

NOT_MODIFIED: Final = 304
_OK: Final = 200
_PIECE_BYTES: Final = 1024 * 1024
_AT_HOME: Final = ("127.0.0.1", "::1", "localhost")


class BankUnreachable(Exception):
    """A bank did not answer, or not with what was asked for."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a bank answered: 200 with a body, or 304."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


def check_address(url: str) -> str:
    """Return an address if a bank may be asked there: over TLS, or on this machine.

    Raises:
        ValueError: it may not.

    """
    parts = urlsplit(url)
    is_private = parts.scheme == "http" and parts.hostname in _AT_HOME
    if not (parts.hostname and (parts.scheme == "https" or is_private)):
        raise ValueError(f"a bank is asked over https, not at {url[:80]!r}")
    return url


def ask(
    url: str, *, headers: Mapping[str, str], timeout_s: float, bytes_max: int = 2**30
) -> Answer:
    """Ask a bank.

    Raises:
        BankUnreachable: it does not answer, or says anything but 200 and 304.

    """
    request = urllib.request.Request(check_address(url), headers=dict(headers))  # noqa: S310
    opener = urllib.request.build_opener(_StayHere)
    try:
        with opener.open(request, timeout=timeout_s) as response:
            if response.status != _OK:
                raise BankUnreachable(f"it answers {response.status}")
            body = _read(response, bytes_max)
            return Answer(status=_OK, body=body, headers=_lower(response.headers))
    except urllib.error.HTTPError as error:
        with error:
            if error.code == NOT_MODIFIED:
                return Answer(status=NOT_MODIFIED, headers=_lower(error.headers))
        raise BankUnreachable(f"it answers {error.code}") from error
    except (OSError, HTTPException, ValueError) as error:
        raise BankUnreachable(type(error).__name__) from error


def _lower(headers: Message) -> dict[str, str]:
    return {name.casefold(): value for name, value in headers.items()}


def _read(response: "urllib.response.addinfourl", bytes_max: int) -> bytes:
    pieces, total = [], 0
    while piece := response.read(_PIECE_BYTES):
        total += len(piece)
        if total > bytes_max:
            raise BankUnreachable(f"its list is longer than {bytes_max} bytes")
        pieces.append(piece)
    return b"".join(pieces)


class _StayHere(urllib.request.HTTPRedirectHandler):
    """Follows nobody: the token is for the bank alone."""

    def redirect_request(self, *_arguments: object) -> None:
        return None
