"""What stands in a path, as the domain's words; what cannot be an id names nothing."""

import re
from typing import Final

from aiohttp import web

from backend.domain.errors import ImageNotFound, JobNotFound, UploadNotFound
from backend.domain.requests import JobId, UploadId

# PostgreSQL breaks on a NUL, so that nothing but the letters of an id goes on to the database.
_JOB_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
_INDEX: Final = re.compile(r"[0-9]{1,4}")


def job_id_of(request: web.Request) -> JobId:
    """Return the job a path names.

    Raises:
        JobNotFound: no job could have this id.

    """
    text = request.match_info["job_id"]
    if not _JOB_ID.fullmatch(text):
        raise JobNotFound
    return JobId(text)


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
    text = request.match_info["upload_id"]
    if not _JOB_ID.fullmatch(text):
        raise UploadNotFound
    return UploadId(text)
