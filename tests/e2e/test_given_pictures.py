"""Pictures over REST, through all production processes: an upload drawn over, grown, enlarged."""

import io
from typing import Any

import numpy as np
from PIL import Image

from tests.e2e.rest import Rest, fetch

GREEN = (20, 160, 60)
# How many levels a mark may change a plain picture by: of 150 keys each changed some pixel by 10 to
# 15. What is drawn anew differs by more than twice this.
MARK_MAX = 24


def draw(rest: Rest, path: str, body: dict[str, object]) -> tuple[str, np.ndarray[Any, Any]]:
    status, answer = rest.call("POST", path, body)
    assert status == 202, answer
    job = rest.until_ended(str(answer["request_id"]))
    assert job["status"] == "delivered", job
    (image,) = job["images"]
    with Image.open(io.BytesIO(fetch(image["url"])[1])) as picture:
        return str(job["id"]), np.asarray(picture.convert("RGB"), np.int16)


def test_an_upload_is_drawn_over_grown_and_enlarged(rest: Rest) -> None:
    green = Image.new("RGB", (512, 512), GREEN)
    buffer = io.BytesIO()
    green.save(buffer, "PNG")
    upload_id = rest.upload(buffer.getvalue())
    half = {"boxes": [{"left": 0.5, "top": 0, "right": 1, "bottom": 1}]}
    job_id, drawn = draw(
        rest,
        "/v1/generations",
        {
            "prompt": "a red star on a blue background",
            "n": 1,
            "seed": 1,
            "image": {"upload_id": upload_id, "strength": 1.0},
            "mask": half,
        },
    )
    assert drawn.shape == (512, 512, 3)
    assert np.abs(drawn[:, :256] - GREEN).max() <= MARK_MAX
    assert drawn[:, 300:, 2].mean() > drawn[:, 300:, 1].mean() + 30

    pictures = f"/v1/generations/{job_id}/images/0"
    _, wider = draw(rest, f"{pictures}/outpaints", {"pan": "left"})
    assert wider.shape == (512, 640, 3)
    # It bears the mark of the picture it grew from, and its own.
    assert np.abs(wider[:, 160:384] - GREEN).max() <= 2 * MARK_MAX
    _, larger = draw(rest, f"{pictures}/upscales", {"kind": "subtle"})
    assert larger.shape == (1024, 1024, 3)
    assert np.abs(larger[100:900, 100:400] - GREEN).max() < 40
