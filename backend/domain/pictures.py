"""Pictures that a prompt names among its words, and what is taken from them."""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

# Beside the words, a network looks at no more than these.
PICTURES_MAX: Final = 4
_LINK: Final = re.compile(r"https?://", re.IGNORECASE)
_UPLOAD: Final = re.compile(r"upl_[0-9A-Za-z]{1,60}")
_DELIVERED: Final = re.compile(r"(gen_[0-9A-Za-z]{1,60}(?:-[0-9]{1,2})?)(?:/([1-9]))?")


class PictureUse(StrEnum):
    """What a new picture takes from one that it is shown beside the words."""

    LOOK = "look"
    STYLE = "style"
    CHARACTER = "character"


@dataclass(frozen=True, kw_only=True)
class NamedPicture:
    """A picture by its name: a link, an upload's id, or `gen_…/2`, the second that a job delivered.

    `weight` is how strongly it counts beside others of the same use.
    """

    name: str
    use: PictureUse = PictureUse.LOOK
    weight: float = 1.0

    @property
    def is_link(self) -> bool:
        """Whether it has to be fetched."""
        return _LINK.match(self.name) is not None

    @property
    def is_upload(self) -> bool:
        """Whether it is named as an upload."""
        return _UPLOAD.fullmatch(self.name) is not None

    @property
    def delivered(self) -> tuple[str, int] | None:
        """The id of the job that delivered it and its index there; None if no job did."""
        found = _DELIVERED.fullmatch(self.name)
        return None if found is None else (found[1], int(found[2] or 1) - 1)

    @property
    def is_known(self) -> bool:
        """Whether the name is one of these at all."""
        return self.is_link or self.is_upload or self.delivered is not None
