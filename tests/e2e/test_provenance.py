"""A delivered picture is known again: after being saved, after a JPEG, in every format."""

import hashlib
import io
import json
from pathlib import Path
from typing import Any

import c2pa
import pytest
from PIL import Image

import gpu_worker
from tests.e2e.conftest import Box, make_box

SIGNATURE = Path(gpu_worker.__file__).parent / "starter" / "models" / "signature"
NUMBER = json.loads((SIGNATURE / "signature.json").read_text())["signature"].lower()


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory) -> Box:
    """An installation whose decoder signs what it draws."""
    return make_box(
        tmp_path_factory.mktemp("provenance"),
        IMPASTO_FAMILIES="sdxl",
        IMPASTO_SIGNATURE=str(SIGNATURE),
    )


def verify(box: Box, path: Path) -> dict[str, Any]:
    ran = box.impasto("verify", str(path), "--json")
    assert ran.returncode == 0, ran.stderr
    document: dict[str, Any] = json.loads(ran.stdout)
    return document


@pytest.fixture(scope="module")
def delivered(box: Box) -> tuple[str, dict[str, Path]]:
    """Draw one picture and return its job, and its file in each format."""
    files: dict[str, Path] = {}
    out = box.home / "fox.png"
    words = ("--steps", "6", "--out", str(out), "--recipe", str(box.home / "recipe.json"))
    status, answer = box.imagine("a red fox in the snow", *words)
    assert status == 0, (answer, box.logs())
    files["png"] = out
    folder = next((box.home / "objects/images").glob("*/*"))
    for name, file in (("webp", "webp.webp"), ("jpeg", "jpeg.jpg"), ("avif", "avif.avif")):
        files[name] = folder / file
    return answer["id"], files


@pytest.mark.parametrize("form", ["png", "webp", "jpeg", "avif"])
def test_what_was_delivered_is_ours_in_every_format(
    box: Box, delivered: tuple[str, dict[str, Path]], form: str
) -> None:
    job_id, files = delivered
    found = verify(box, files[form])
    assert (found["origin"], found["job_id"]) == ("ours", job_id)
    assert found["c2pa"]["state"] == "trusted"
    assert found["watermark"]["present"]
    assert found["watermark"]["p_value"] < 1e-6
    assert (found["signature"]["present"], found["signature"]["payload"]) == (True, NUMBER)
    assert {"file", "c2pa", "watermark", "signature"} <= set(found["survived"])


def test_the_manifest_and_the_recipe_name_the_decoder_that_drew_it(
    box: Box, delivered: tuple[str, dict[str, Path]]
) -> None:
    _, files = delivered
    assert verify(box, files["png"])["c2pa"]["decoder"] == NUMBER
    digest = hashlib.sha256((SIGNATURE / "decoder.safetensors").read_bytes()).hexdigest()
    with c2pa.Reader("image/png", io.BytesIO(files["png"].read_bytes())) as reader:
        told = json.loads(reader.json())
    (model,) = (
        assertion["data"]
        for assertion in told["manifests"][told["active_manifest"]]["assertions"]
        if assertion["label"] == "impasto.model"
    )
    assert model["decoder"] == {"number": NUMBER, "sha256": digest}
    recipe = json.loads((box.home / "recipe.json").read_text())
    named = [file for file in recipe["recipe"]["files"] if file["role"] == "decoder"]
    assert [(file["name"], file["sha256"]) for file in named] == [(NUMBER, digest)]


def test_after_a_jpeg_the_watermark_and_the_looks_are_left(
    box: Box, delivered: tuple[str, dict[str, Path]]
) -> None:
    job_id, files = delivered
    copy = box.home / "copy.jpg"
    with Image.open(files["png"]) as picture:
        picture.convert("RGB").save(copy, "JPEG", quality=60)
    found = verify(box, copy)
    assert found["c2pa"]["state"] == "absent"
    assert (found["origin"], found["job_id"]) == ("ours", job_id)
    assert "watermark" in found["survived"]
    assert found["fingerprint"]["distance"] <= 31


def test_one_changed_byte_is_told(box: Box, delivered: tuple[str, dict[str, Path]]) -> None:
    _, files = delivered
    data = bytearray(files["jpeg"].read_bytes())
    data[-100] ^= 1
    altered = box.home / "altered.jpg"
    altered.write_bytes(bytes(data))
    found = verify(box, altered)
    assert found["c2pa"]["state"] == "invalid"
    assert "c2pa" not in found["survived"]


def test_a_file_tells_no_prompt_unless_that_is_wanted(
    delivered: tuple[str, dict[str, Path]],
) -> None:
    for path in delivered[1].values():
        assert b"fox" not in path.read_bytes()


def test_another_installation_knows_nothing_of_it(
    tmp_path: Path, delivered: tuple[str, dict[str, Path]]
) -> None:
    stranger = make_box(tmp_path)
    found = verify(stranger, delivered[1]["png"])
    assert found["origin"] == "other"
    assert found["c2pa"]["state"] == "untrusted"
    assert not found["watermark"]["present"]
    assert found["job_id"] is None


def test_a_stranger_picture_is_of_unknown_origin(box: Box, tmp_path: Path) -> None:
    path = tmp_path / "gradient.png"
    buffer = io.BytesIO()
    Image.linear_gradient("L").save(buffer, "PNG")
    path.write_bytes(buffer.getvalue())
    assert verify(box, path)["origin"] == "unknown"


def test_without_a_good_key_nothing_is_delivered(tmp_path: Path) -> None:
    broken = make_box(
        tmp_path,
        IMPASTO_FAMILIES="sdxl",
        IMPASTO_C2PA_CHAIN=str(tmp_path / "none.pem"),
        IMPASTO_C2PA_KEY=str(tmp_path / "none.key"),
    )
    status, answer = broken.imagine("a fox", "--steps", "2", "--out", str(tmp_path / "out.png"))
    assert status == 3, (answer, broken.logs())
    assert answer["verdict"]["category"] == "check_failed"
    assert answer["verdict"]["rule"] == "credentials_missing"
    assert not (tmp_path / "out.png").exists()
    assert not list((broken.home / "objects").rglob("*.png"))
    told = json.loads(broken.impasto("doctor", "--json").stdout)
    assert [one["level"] for one in told if one["name"] == "signing"] == ["problem"]
