"""Who speaks: turns a Bearer key into a Requester before a handler sees anything of the request."""

from collections.abc import Awaitable, Callable

from aiohttp import hdrs, web

from backend.domain.errors import Unauthenticated, Unavailable
from backend.domain.requests import Requester
from backend.gateway.app_keys import SERVICES
from backend.gateway.patience import within

KEY_MAX_CHARACTERS = 256
# Longer than any honest wait for a connection or a lock, shorter than what clients wait.
ANSWER_WITHIN_S = 10.0

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
OwnedHandler = Callable[[web.Request, Requester], Awaitable[web.StreamResponse]]


def authenticated(handler: OwnedHandler, *, within_s: float = ANSWER_WITHIN_S) -> Handler:
    """Wrap a handler that needs to know who asks; it cannot be reached without a valid key.

    Whoever asks gets an answer in `within_s`, be it that the servers behind say nothing.
    """

    async def answer(request: web.Request) -> web.StreamResponse:
        return await handler(request, await requester_of(request))

    async def guarded(request: web.Request) -> web.StreamResponse:
        try:
            return await within(within_s, answer(request))
        except TimeoutError as error:
            raise Unavailable from error

    guarded.__name__ = getattr(handler, "__name__", "guarded")
    return guarded


async def requester_of(request: web.Request) -> Requester:
    """Return who sent this request.

    Raises:
        Unauthenticated: no key, not one we can read, or not a valid one.

    """
    secret = bearer_secret(request.headers.get(hdrs.AUTHORIZATION, ""))
    return await request.app[SERVICES].accounts.authenticate(secret)


def bearer_secret(header: str) -> str:
    """Take the secret out of an `Authorization` header.

    Raises:
        Unauthenticated: the header holds no Bearer secret.

    """
    scheme, _, secret = header.strip().partition(" ")
    secret = secret.strip()
    if scheme.lower() != "bearer" or not secret.isascii() or " " in secret:
        raise Unauthenticated
    if not 0 < len(secret) <= KEY_MAX_CHARACTERS:
        raise Unauthenticated
    return secret
