"""ControlNets that a request asks to be steered by: checked, and told to the worker."""

import re
from typing import Final

from backend.contracts import ControlUse
from backend.domain.errors import PictureOperationInvalid
from backend.domain.requests import ControlImage, GenerationRequest

CONTROLS_MAX: Final = 3
CONTROL_SCALE_MAX: Final = 2.0
_NAME: Final = re.compile(r"\w[\w.-]{0,99}")


def check_controls(request: GenerationRequest) -> None:
    """Check what a request asks of ControlNets; which there are, only workers know.

    Raises:
        PictureOperationInvalid: there are too many, or a number is out of bounds.

    """
    if len(request.controls) > CONTROLS_MAX or not all(map(_is_sound, request.controls)):
        raise PictureOperationInvalid(
            f"At most {CONTROLS_MAX} ControlNets, each by name, counting 0 to "
            f"{CONTROL_SCALE_MAX:g} times, from one part of the way (0 to 1) to a later one.",
            way_out="Name for example edges, with scale 1, begin 0 and end 1.",
        )
    if request.controls and request.upscale is not None:
        raise PictureOperationInvalid(
            "A picture that is made larger is steered by no ControlNets.",
            way_out="Leave the ControlNets out.",
        )


def control_use(control: ControlImage, key: str) -> ControlUse:
    """Say it in the words of the worker; `key` is where the picture is stored."""
    return ControlUse(
        name=control.controlnet,
        key=key,
        scale=control.scale,
        begin=control.begin,
        end=control.end,
    )


def _is_sound(control: ControlImage) -> bool:
    return (
        _NAME.fullmatch(control.controlnet) is not None
        and 0 <= control.scale <= CONTROL_SCALE_MAX
        and 0 <= control.begin < control.end <= 1
    )
