"""Removing a picture everywhere: which places it is in, and the proof that it is gone from each."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NewType

from backend.domain.requests import AccountId, JobId

RemovalId = NewType("RemovalId", str)
RequestId = NewType("RequestId", str)

# What is reported by somebody without an account is removed or refused within this time.
REQUEST_ANSWERED_WITHIN = timedelta(hours=48)
REQUEST_WORDS_MAX = 2000
# In place of a review: what is on file for child safety, which moderators do not see.
SEALED = "safety:"


class PlaceKind(StrEnum):
    """Where a picture can be; the first are seen to first."""

    FINGERPRINT = "fingerprint"  # what keeps it from being drawn or given again
    GALLERY = "gallery"  # the list of a job's pictures
    OBJECT = "object"  # a stored file
    PREVIEW = "preview"  # what was shown of a job while it was drawn
    MESSAGE = "message"  # a message or a direct message


@dataclass(frozen=True, kw_only=True)
class RemovalPlace:
    """One place: a key, a fingerprint, `gen_…/2`, `gen_…`, or `channel/message`.

    It has a `proof` once it is confirmed.
    """

    kind: PlaceKind
    name: str
    confirmed_at: datetime | None = None
    proof: str = ""


@dataclass(frozen=True, kw_only=True)
class Removal:
    """That one picture of a job is to be removed everywhere."""

    id: RemovalId
    job_id: JobId
    picture_index: int
    by: AccountId
    reason: str
    at: datetime
    places: tuple[RemovalPlace, ...] = ()

    @property
    def is_finished(self) -> bool:
        """Whether it is gone from every place."""
        return all(place.confirmed_at is not None for place in self.places)

    def with_messages(self, messages: Iterable[tuple[int, int]]) -> "Removal":
        """Return it with these messages, each a channel and an id, among its places."""
        names = (f"{channel_id}/{message_id}" for channel_id, message_id in messages)
        found = (RemovalPlace(kind=PlaceKind.MESSAGE, name=name) for name in names)
        known = {(place.kind, place.name) for place in self.places}
        new = tuple(place for place in found if (place.kind, place.name) not in known)
        return replace(self, places=(*self.places, *new))


class RequestState(StrEnum):
    """What became of a removal request."""

    OPEN = "open"
    REMOVED = "removed"
    REFUSED = "refused"
    NOT_FOUND = "not_found"  # no copy is known here; a moderator may still look


@dataclass(frozen=True, kw_only=True)
class RemovalRequest:
    """That somebody, perhaps without an account, asks for a picture to be removed.

    Of a picture that came with it only hashes are kept. `token_digest` is of the secret by which
    they read what became of it. `review_ids` says before whom it is: reviews of moderators, or a
    report that is sealed.
    """

    id: RequestId
    token_digest: str
    words: str
    contact: str
    sha256: str
    fingerprint: str
    at: datetime
    review_ids: tuple[str, ...] = ()

    @property
    def is_sealed(self) -> bool:
        """Whether its picture was a listed one, so that no moderator is shown anything of it."""
        return any(one.startswith(SEALED) for one in self.review_ids)

    @property
    def matches(self) -> int:
        """How many pictures were found that match."""
        return 0 if self.is_sealed else len(self.review_ids)

    @property
    def due_at(self) -> datetime:
        """When it is to be answered by."""
        return self.at + REQUEST_ANSWERED_WITHIN
