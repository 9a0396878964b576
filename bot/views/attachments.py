"""Pictures that members attach, taken in as uploads of theirs."""

import discord

from backend.domain.errors import PictureInvalid, PictureTooLarge
from backend.domain.requests import Requester, UploadId
from backend.domain.uploads import UPLOAD_BYTES_MAX
from backend.service.uploads import Uploads

_MIB = 1024 * 1024


async def take_in(
    uploads: Uploads, attachment: discord.Attachment, requester: Requester
) -> UploadId:
    """Fetch an attachment and upload it.

    Raises:
        PictureInvalid: Discord does not have it any more, or it is no picture.
        PictureTooLarge: it is not fetched.
        PictureBlocked, TooManyUploads, Unavailable: as uploading does.

    """
    if attachment.size > UPLOAD_BYTES_MAX:
        raise PictureTooLarge(limit=f"at most {UPLOAD_BYTES_MAX // _MIB} MiB are read")
    try:
        data = await attachment.read()
    except discord.HTTPException as error:
        raise PictureInvalid from error
    return (await uploads.add(data, requester)).id
