"""Pictures that the command line gives to a job: files, taken in as uploads of whoever asks."""

import asyncio
from dataclasses import dataclass, replace
from pathlib import Path

from backend.domain.errors import InvalidParameter
from backend.domain.requests import ControlImage, GenerationRequest, Requester
from backend.service.uploads import Uploads


@dataclass(frozen=True, kw_only=True)
class ControlFile:
    """A ControlNet, the file it is shown, and how strongly it steers."""

    name: str
    path: Path
    scale: float = 1.0


def read_control(text: str) -> ControlFile:
    """Read `edges=lines.png` or `edges:0.8=lines.png`.

    Raises:
        InvalidParameter: it is neither, or there is no such file.

    """
    what, is_given, path = text.partition("=")
    name, has_scale, scale = what.partition(":")
    try:
        strength = float(scale) if has_scale else 1.0
    except ValueError:
        strength = -1.0
    if not is_given or not name or not 0 <= strength <= 2:
        raise _wrong("a ControlNet, perhaps its scale from 0 to 2, and a file")
    if not Path(path).is_file():
        raise _wrong("a file that is there")
    return ControlFile(name=name, path=Path(path), scale=strength)


async def with_controls(
    uploads: Uploads, request: GenerationRequest, controls: tuple[ControlFile, ...]
) -> GenerationRequest:
    """Return the request steered by files, which become uploads.

    Raises:
        ImpastoError: one cannot be taken in.

    """
    taken = [await _take_in(uploads, one, request.requester) for one in controls]
    return replace(request, controls=(*request.controls, *taken))


async def _take_in(uploads: Uploads, control: ControlFile, requester: Requester) -> ControlImage:
    upload = await uploads.add(await asyncio.to_thread(control.path.read_bytes), requester)
    return ControlImage(upload_id=upload.id, controlnet=control.name, scale=control.scale)


def _wrong(expected: str) -> InvalidParameter:
    error = InvalidParameter(name="control", expected=expected)
    error.way_out = "Write for example --control edges:0.8=lines.png."
    return error
