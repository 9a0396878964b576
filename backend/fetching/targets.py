"""Reads a link into what may be asked: a scheme, a host and a port that are allowed."""

import re
from typing import Final

from yarl import URL

from backend.domain.errors import PictureLinkInvalid

PORTS: Final = frozenset({80, 443})
URL_CHARACTERS_MAX: Final = 2000
_PRINTABLE: Final = re.compile(r"[\x21-\x7e]+")


def target_of(link: str, *, ports: frozenset[int] = PORTS) -> URL:
    """Return a link as what is asked.

    Raises:
        PictureLinkInvalid: it is no link, or none that is followed.

    """
    if len(link) > URL_CHARACTERS_MAX:
        raise PictureLinkInvalid("it is too long")
    try:
        url = URL(link)
        host, port = url.host, url.port
    except ValueError:
        raise PictureLinkInvalid("it cannot be read") from None
    if url.scheme not in ("http", "https"):
        raise PictureLinkInvalid("only http and https are")
    if not host:
        raise PictureLinkInvalid("it names no server")
    if url.user is not None or url.password is not None:
        raise PictureLinkInvalid("it carries a name or a password")
    if port not in ports:
        raise PictureLinkInvalid("only the usual ports are")
    return _as_written(link, url).with_fragment(None)


def _as_written(link: str, url: URL) -> URL:
    """Return a link letter by letter where it can be sent so: a signature may cover each."""
    if not _PRINTABLE.fullmatch(link):
        return url
    exact = URL(link, encoded=True)
    is_same = (exact.scheme, exact.raw_host, exact.port) == (url.scheme, url.raw_host, url.port)
    return exact if is_same else url
