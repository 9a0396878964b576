"""Pictures that the command line gives to a job."""

from pathlib import Path

import pytest

from backend.cli.given import ControlFile, read_control, with_controls
from backend.domain.errors import PictureInvalid
from tests.builders import a_request
from tests.fakes.link_servers import a_png
from tests.fakes.services import FakeWorkshop


@pytest.fixture
def lines(tmp_path: Path) -> Path:
    path = tmp_path / "lines = 2.png"
    path.write_bytes(a_png())
    return path


def test_a_control_is_a_name_perhaps_a_scale_and_a_file(lines: Path) -> None:
    assert read_control(f"edges={lines}") == ControlFile(name="edges", path=lines)
    assert read_control(f"edges:0.8={lines}") == ControlFile(name="edges", path=lines, scale=0.8)


async def test_files_become_uploads_that_controlnets_are_shown(lines: Path) -> None:
    workshop = FakeWorkshop()
    controls = (read_control(f"edges:0.8={lines}"), read_control(f"depth={lines}"))
    request = await with_controls(workshop.services.uploads, a_request(), controls)
    told = [(one.controlnet, one.scale, one.upload_id) for one in request.controls]
    first, second = workshop.darkroom.store.uploads
    assert told == [("edges", 0.8, first), ("depth", 1.0, second)]
    job = (await workshop.services.generations.submit(request)).job
    assert job.spec.adapters == ("controlnet edges", "controlnet depth")


async def test_a_file_that_is_no_picture_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "lines.png"
    path.write_bytes(b"no picture")
    with pytest.raises(PictureInvalid):
        await with_controls(
            FakeWorkshop().services.uploads, a_request(), (read_control(f"edges={path}"),)
        )
