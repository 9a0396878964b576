"""What is to become of a job: told by its seed, and again by a patch of its picture.

The patch outlives marks, lossy files and thumbnails, so whoever holds any file of a picture can
tell which plan it was drawn by.
"""

from enum import IntEnum
from typing import Final

from PIL import Image, ImageStat

from tests.unit.safety.pictures import made_picture

SIDE_PX: Final = 256
_PATCH: Final = 0.25
_STEP: Final = 12
_PLANS_A_SEED: Final = 100


class Plan(IntEnum):
    """One job each."""

    PREVIEWED = 0
    HALF_STORED = 1
    KILLED_STORED = 2
    REPORT_LOST = 3
    REMOVED = 4
    BLOCKED = 5
    REVIEWED = 6
    SEALED = 7
    RAISED = 8
    HUNG = 9
    LATE = 10
    REPAINTED = 11
    WRONG_COUNT = 12
    KILLED_BLOCKED = 13
    BLOCK_LOST = 14

    @property
    def is_fine(self) -> bool:
        """Whether the picture may be read, at least for a while."""
        return self <= Plan.REMOVED

    @property
    def seed(self) -> int:
        """The seed of the job."""
        return 7 * _PLANS_A_SEED + self


def plan_of_seed(seed: int) -> Plan:
    """Return the plan of a job."""
    return Plan(seed % _PLANS_A_SEED)


def picture_of(plan: Plan) -> Image.Image:
    """Draw the picture of a plan."""
    picture = made_picture(plan.seed, size=(SIDE_PX, SIDE_PX))
    side = round(SIDE_PX * _PATCH)
    # Grey, as lossy files keep colours less well.
    picture.paste((_grey(plan),) * 3, (0, 0, side, side))
    return picture


def plan_of_picture(picture: Image.Image) -> Plan | None:
    """Tell by any file of it which plan a picture was drawn by; None if by none."""
    low, high = (round(share * _PATCH * picture.width) for share in (0.25, 0.75))
    patch = ImageStat.Stat(picture.convert("L").crop((low, low, high, high)))
    place = round((patch.mean[0] - _grey(Plan(0))) / _STEP)
    is_one = place in list(Plan) and patch.stddev[0] < _STEP / 2
    return Plan(place) if is_one and abs(patch.mean[0] - _grey(Plan(place))) < _STEP / 2 else None


def _grey(plan: Plan) -> int:
    return 40 + _STEP * plan
