"""What stands in a path, as the domain's words; what cannot be an id names nothing."""

import re
from typing import Final

from aiohttp import web

from backend.domain.errors import (
    ImageNotFound,
    ImpastoError,
    JobNotFound,
    ReviewNotFound,
    SafetyReportNotFound,
    UploadNotFound,
)
from backend.domain.requests import JobId, UploadId
from backend.domain.reviews import ReviewId

# PostgreSQL breaks on a NUL, so that nothing but the letters of an id goes on to the database.
_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
_INDEX: Final = re.compile(r"[0-9]{1,4}")


def job_id_of(request: web.Request) -> JobId:
    """Return the job a path names.

    Raises:
        JobNotFound: no job could have this id.

    """
    return JobId(_id(request, "job_id", JobNotFound()))


def image_index_of(request: web.Request) -> int:
    """Return which of a job's pictures a path names.

    Raises:
        ImageNotFound: no picture could have this number.

    """
    text = request.match_info["index"]
    if not _INDEX.fullmatch(text):
        raise ImageNotFound
    return int(text)


def upload_id_of(request: web.Request) -> UploadId:
    """Return the upload a path names.

    Raises:
        UploadNotFound: no upload could have this id.

    """
    return UploadId(_id(request, "upload_id", UploadNotFound()))


def review_id_of(request: web.Request) -> ReviewId:
    """Return the review a path names.

    Raises:
        ReviewNotFound: no review could have this id.

    """
    return ReviewId(_id(request, "review_id", ReviewNotFound()))


def report_id_of(request: web.Request) -> str:
    """Return the child safety finding a path names.

    Raises:
        SafetyReportNotFound: no finding could have this id.

    """
    return _id(request, "report_id", SafetyReportNotFound())


def _id(request: web.Request, part: str, otherwise: ImpastoError) -> str:
    text = request.match_info[part]
    if not _ID.fullmatch(text):
        raise otherwise
    return text
