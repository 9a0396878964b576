"""What may be wrong with a link to a picture.

The tree is drawn in `backend.domain.errors`, which offers all of it.
"""

from typing import Final

from backend.domain.input_errors import BadInput

_WAY_OUT: Final = (
    "Use a direct https link to a PNG, JPEG, WebP or GIF that everybody can open, or upload the "
    "picture."
)


class PictureLinkInvalid(BadInput):
    """A link of a kind that is never followed."""

    code = "picture_link_invalid"

    def __init__(self, reason: str) -> None:
        super().__init__(f"This link is not followed: {reason}.", way_out=_WAY_OUT)


class PictureLinkUnreachable(BadInput):
    """A link behind which no picture was found; of what lies inside our network nothing is told."""

    code = "picture_link_unreachable"

    def __init__(self, reason: str) -> None:
        super().__init__(f"No picture came from this link: {reason}.", way_out=_WAY_OUT)
