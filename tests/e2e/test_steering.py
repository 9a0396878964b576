"""A picture steered over REST: an upload of lines, the starter model, and its ControlNet."""

import io
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw

from tests.e2e.rest import Rest, fetch


def draw(rest: Rest, body: dict[str, object]) -> dict[str, Any]:
    status, answer = rest.call("POST", "/v1/generations", body)
    assert status == 202, answer
    return rest.until_ended(str(answer["request_id"]))


def png_of(picture: Image.Image) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, format="PNG")
    return buffer.getvalue()


def test_lines_say_where_things_are_drawn(rest: Rest) -> None:
    lines = Image.new("RGB", (128, 128))
    corner = (8, 60, 64, 116)
    ImageDraw.Draw(lines).rectangle(corner, outline="white", width=3)
    upload = rest.upload(png_of(lines))
    body = {"prompt": "a red square on a blue background", "n": 1, "seed": 1}
    control = {"controlnet": "edges", "upload_id": upload}

    def redness(**fields: object) -> float:
        """Return how much more red there is inside the lines than outside."""
        job = draw(rest, {**body, **fields})
        assert job["status"] == "delivered", job
        (image,) = job["images"]
        with Image.open(io.BytesIO(fetch(image["url"])[1])) as picture:
            values = np.asarray(picture.convert("RGB").resize((128, 128)), dtype=float)
        red = values[..., 0] - values[..., 2]
        left, top, right, bottom = corner
        inside = red[top:bottom, left:right]
        return float(inside.mean() - (red.sum() - inside.sum()) / (red.size - inside.size))

    free, steered = redness(), redness(controls=[control])
    assert steered > free + 40
    # The same pixels but for the mark, which is each picture's own.
    assert redness(controls=[{**control, "scale": 0}]) == pytest.approx(free, abs=1)
    missing = draw(rest, {**body, "controls": [{**control, "controlnet": "depth"}]})
    assert missing["error"]["code"] == "adapter_missing"
    assert "there are: edges" in missing["error"]["message"]
