"""Nonces of messages: what is sent twice after a crash appears once."""

from typing import Final

_CHARACTERS: Final = 25


def nonce_of(name: str) -> str:
    """Return a nonce that Discord takes, at most 25 characters; names that begin alike share it."""
    return name[:_CHARACTERS]
