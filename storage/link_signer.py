"""The seam of whatever makes links that expire; whoever serves the bytes verifies them."""

from datetime import datetime
from typing import Protocol


class LinkSigner(Protocol):
    """Makes links to pictures; asks nobody, and is safe to share between threads."""

    def link(self, key: str, ttl_s: int, now: datetime) -> str:
        """Return a URL by which anyone may GET the object until `now` + `ttl_s`, at the longest.

        Does not ask whether the object exists.

        Raises:
            InvalidKey: the key is malformed or lies outside `images/`.
            StorageUnavailable: there is nothing to sign with.

        """
