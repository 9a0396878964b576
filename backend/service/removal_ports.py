"""What removing pictures needs from outside, as Protocols."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from backend.domain.removals import PlaceKind, Removal, RemovalId, RemovalPlace, RemovalRequest
from backend.domain.requests import JobId


class RemovalStore(Protocol):
    """Removals, place by place, and who asked for them."""

    async def begin(self, removal: Removal) -> Removal:
        """Store a removal with its places; the picture's first one stays, and is returned."""

    async def get(self, removal_id: RemovalId) -> Removal | None:
        """Return a removal, or None."""

    async def of_picture(self, job_id: JobId, index: int) -> Removal | None:
        """Return the removal of a picture, or None."""

    async def unfinished(
        self, limit: int, kinds: Collection[PlaceKind], *, but_in: Collection[int] = ()
    ) -> list[Removal]:
        """Return removals with a place of these kinds that is not confirmed, oldest first.

        Messages in the channels `but_in` do not count.
        """

    async def confirm(
        self, removal_id: RemovalId, place: RemovalPlace, *, at: datetime, proof: str
    ) -> None:
        """Record that the picture is gone from a place; the first confirmation stays.

        The version of a review that came to this removal grows, so that its card is shown anew.
        """

    async def copies_of(self, digests: Sequence[str]) -> list[tuple[JobId, int]]:
        """Return the pictures of all jobs of which one of these is a file, byte for byte."""

    async def take_from_gallery(self, job_id: JobId, index: int, *, at: datetime) -> None:
        """Take a picture off the list of a delivered job's; one that is gone is fine."""

    async def note_message(
        self, job_id: JobId, channel_id: int, message_id: int, *, shown: Collection[int]
    ) -> None:
        """Note a message that shows these pictures of a job; noting it again changes nothing.

        It becomes a place of every removal, begun before, of one of them.
        """

    async def messages_of(self, job_id: JobId) -> list[tuple[int, int]]:
        """Return all messages that show pictures of a job, as channel and message."""

    async def add_request(self, request: RemovalRequest) -> None:
        """Store a request for removal."""

    async def request_by(self, token_digest: str) -> RemovalRequest | None:
        """Return the request whose secret has this digest, or None."""

    async def unseen_requests(self, *, since: datetime) -> list[RemovalRequest]:
        """Return requests since then that are before nobody: no review, no card, oldest first."""

    async def requests(self, *, since: datetime, limit: int) -> list[RemovalRequest]:
        """Return requests that came since then, newest first."""


class ListedPictures(Protocol):
    """The lists of child safety, for pictures that anybody sends."""

    async def must_not_be_listed(self, data: bytes) -> None:
        """Make sure that a picture, or a part of it, is no copy of a listed one.

        Raises:
            PictureInvalid, PictureTooLarge: it cannot be read.
            PictureBlocked: it is one (`child_safety`), or no list can be relied on now.

        """


class KnownLists(Protocol):
    """The lists of known pictures as this process has them."""

    async def states(self) -> Mapping[str, str]:
        """Return what is the trouble with each list, as a word, by its name; "" if it is well.

        It never takes long: while one is read, what was seen last is told.
        """


class PictureFiles(Protocol):
    """The stored files of pictures, to be taken away, and the list of what never comes again."""

    async def fingerprints_of(self, data: bytes) -> tuple[str, ...]:
        """Return a picture's perceptual hashes as 64 hexadecimal digits each: first as it is.

        The others are of it turned and mirrored; none, where they would tell nothing.

        Raises:
            PictureInvalid, PictureTooLarge: it cannot be read.

        """

    async def fingerprint_of_stored(self, key: str) -> str:
        """Return the hash of a stored picture, "" where it is gone or tells nothing."""

    async def prints_of_stored(self, key: str) -> tuple[str, ...]:
        """Return the hashes of a stored picture and of its parts, each all eight ways round.

        None, where it is gone or tells nothing.
        """

    async def remove(self, keys: Sequence[str]) -> tuple[dict[str, bool], str]:
        """Remove objects; say of each whether no way leads to it, and the SHA-256 of the proof.

        Raises:
            Unavailable: the store does not answer.

        """

    async def block(self, fingerprint: str, entry: str) -> None:
        """Keep pictures that look like this from being drawn or given.

        Raises:
            Unavailable: the store does not answer.

        """
