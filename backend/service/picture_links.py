"""What a link to a picture of ours says of which it is: by its job, or by the file it leads to.

The files of a picture lie under the SHA-256 of its original, so every link to one has that in it,
be it ours, the store's or a CDN's, and whether it still works or not. A file that we posted in
Discord is called after its job and, counted from 1, its picture.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from backend.domain.requests import JobId

_JOB: Final = re.compile(r"(gen_[0-9a-f]{20})((?:-\d{1,3}){0,2})(?![0-9a-z])")
# As paths of REST name them, counted from 0.
_INDEX: Final = re.compile(r"/(?:images/)?(\d{1,2})(?:\D|$)")
_FILE: Final = re.compile(r"(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])")


@dataclass(frozen=True, kw_only=True)
class NamedJob:
    """A job that a link may mean, and which of its pictures; None is all of them."""

    job_id: JobId
    index: int | None = None


@dataclass(frozen=True, kw_only=True)
class PictureLink:
    """What a link says: jobs, of which the first that there is counts, and digests of originals."""

    jobs: tuple[NamedJob, ...]
    digests: tuple[str, ...]

    @property
    def says_nothing(self) -> bool:
        """Whether it names no picture of ours by any of its parts."""
        return not (self.jobs or self.digests)


def read_link(link: str) -> PictureLink:
    """Read what a link, or an id, says of which picture is meant."""
    found = _JOB.search(link)
    return PictureLink(
        jobs=() if found is None else tuple(_named(found, link[found.end() :])),
        digests=tuple(dict.fromkeys(_FILE.findall(link))),
    )


def _named(found: re.Match[str], rest: str) -> Iterator[NamedJob]:
    """Yield the jobs that a name may be of: `gen_…-3` is the third of a set, or a third picture."""
    base, numbers = found[1], found[2].split("-")[1:]
    index = _INDEX.search(rest)
    whole = JobId("-".join([base, *numbers]))
    yield NamedJob(job_id=whole, index=int(index[1]) if index else None)
    if numbers:
        yield NamedJob(job_id=JobId("-".join([base, *numbers[:-1]])), index=int(numbers[-1]) - 1)
