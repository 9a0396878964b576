"""`impasto imagine`, as a person or a program runs it."""

import hashlib
import json
import signal
import sqlite3
import struct
import subprocess
import time
from contextlib import closing
from pathlib import Path

import pytest
from PIL import Image

from gpu_worker.starter import build_tiny_flux, build_tiny_sd3, build_tiny_sdxl
from tests.e2e.conftest import (
    IMPASTO,
    READY_TIMEOUT_S,
    Box,
    Demo,
    make_box,
    processes_named,
)


@pytest.fixture
def box(workshop: Demo) -> Box:
    """Where everything runs already."""
    return workshop.box


@pytest.fixture
def cold(tmp_path: Path) -> Box:
    """Where nothing runs yet."""
    return make_box(tmp_path, IMPASTO_FAMILIES="sdxl")


def drawn(box: Box, *arguments: str) -> str:
    """Draw one picture; return the digest of its pixels as drawn, before mark and signature."""
    recipe = box.home / "recipe.json"
    status, answer = box.imagine(*arguments, "--recipe", str(recipe))
    assert status == 0, (answer, box.logs())
    (digest,) = json.loads(recipe.read_text())["recipe"]["pixels_sha256"]
    return str(digest)


def test_the_first_command_starts_what_it_needs_and_stops_all_of_it(cold: Box, box: Box) -> None:
    out, recipe = cold.home / "fox.png", cold.home / "recipe.json"
    status, first = cold.imagine(
        *("a fox in the snow", "--seed", "7", "--steps", "4"),
        *("--out", str(out), "--recipe", str(recipe)),
    )
    assert status == 0, (first, cold.logs())
    assert processes_named(cold.home, ()) == []
    assert first["state"] == "delivered"
    assert first["seed"] == 7
    assert first["verdict"] == {"outcome": "allow"}
    (image,) = first["images"]
    assert hashlib.sha256(out.read_bytes()).hexdigest() == image["sha256"]
    with Image.open(out) as picture:
        assert picture.size == (image["width"], image["height"])
    # Elsewhere, by another process, the same pixels.
    (pixels,) = json.loads(recipe.read_text())["recipe"]["pixels_sha256"]
    assert drawn(box, "a fox in the snow", "--seed", "7", "--steps", "4") == pixels


def test_the_same_seed_gives_the_same_pixels_and_another_seed_others(box: Box) -> None:
    first, again, other = (
        drawn(box, "a fox in the snow", "--seed", seed, "--steps", "4") for seed in ("7", "7", "8")
    )
    assert first == again != other


def test_a_prompt_of_another_language_is_drawn_in_english_and_says_so(box: Box) -> None:
    status, answer = box.imagine("un zorro en la nieve", "--seed", "7", "--steps", "4")
    assert status == 0, (answer, box.logs())
    assert answer["drawn_as"] == "a fox in the snow"
    _, english = box.imagine("a fox in the snow", "--seed", "7", "--steps", "4")
    assert english["drawn_as"] == answer["drawn_as"]
    assert english["notes"] == answer["notes"] == []


def test_a_lora_changes_the_picture_by_its_scale_and_a_scale_of_nothing_does_not(box: Box) -> None:
    request = ("a house", "--seed", "1", "--steps", "4")
    bare, nothing, pixels, both = (
        drawn(box, *request, *(word for lora in loras for word in ("--lora", lora)))
        for loras in ((), ("pixel-art:0",), ("pixel-art:1",), ("pixel-art:0.5", "line-drawing:0.5"))
    )
    assert nothing == bare
    assert len({bare, pixels, both}) == 3
    status, answer = box.imagine(*request, "--lora", "pixel-fart:1")
    assert status == 4
    assert answer["error"]["code"] == "adapter_missing"
    assert "there are: line-drawing, pixel-art" in answer["error"]["message"]


def test_four_pictures_become_four_files_in_the_asked_shape(box: Box) -> None:
    out = box.home / "grid.png"
    arguments = ("an owl", "--n", "4", "--ar", "3:2", "--steps", "2", "--out", str(out))
    status, answer = box.imagine(*arguments)
    assert status == 0
    assert [Path(image["path"]).name for image in answer["images"]] == [
        f"grid-{number}.png" for number in range(1, 5)
    ]
    assert all(image["width"] > image["height"] for image in answer["images"])


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("",), "prompt_empty"),
        (("x" * 10_000,), "prompt_too_long"),
        (("a fox --frobnicate 3",), "unknown_parameter"),
        (("a fox", "--ar", "0:3"), "invalid_aspect_ratio"),
        (("a fox --ar 0:3",), "invalid_aspect_ratio"),
        (("a fox", "--seed", "99999999999"), "seed_out_of_range"),
        (("a fox --seed 99999999999",), "seed_out_of_range"),
        (("a fox", "--n", "9"), "image_count_out_of_range"),
        (("a fox", "--steps", "0"), "steps_out_of_range"),
        (("a fox", "--lora", "pixel-art:9"), "invalid_lora"),
    ],
)
def test_bad_input_ends_with_status_2_and_a_stable_code(
    box: Box, arguments: tuple[str, ...], code: str
) -> None:
    status, answer = box.imagine(*arguments)
    assert status == 2
    assert answer["error"]["code"] == code


def test_a_picture_that_cannot_be_written_is_kept_and_named(box: Box) -> None:
    status, answer = box.imagine("a fox", "--steps", "1", "--out", "/dev/full")
    assert status == 4
    assert answer["state"] == "delivered"
    assert answer["error"]["code"] == "out_not_written"
    (image,) = answer["images"]
    assert image["path"] is None
    kept = Path(answer["error"]["message"].rpartition(": ")[2])
    assert hashlib.sha256(kept.read_bytes()).hexdigest() == image["sha256"]


def test_the_other_families_draw_with_what_is_configured_and_start_only_their_worker(
    tmp_path: Path,
) -> None:
    box = make_box(
        tmp_path,
        IMPASTO_MODEL_SD3=str(build_tiny_sd3(tmp_path / "sd3")),
        IMPASTO_MODEL_FLUX=str(build_tiny_flux(tmp_path / "flux")),
    )
    for family in ("sd3", "flux"):
        status, answer = box.imagine("a fox", "--family", family, "--steps", "2")
        assert status == 0, (answer, box.logs())
        assert answer["state"] == "delivered"
    started = sorted(log.name for log in (tmp_path / "logs").glob("worker-*.log"))
    assert started == ["worker-flux.log", "worker-sd3.log"]


def test_a_family_without_a_model_is_named_with_what_there_is(box: Box) -> None:
    status, answer = box.imagine("a fox", "--family", "sd3")
    assert status == 2
    assert answer["error"]["code"] == "family_unavailable"
    assert "sdxl" in answer["error"]["message"]


def test_a_held_prompt_ends_with_status_3_and_writes_nothing(box: Box, tmp_path: Path) -> None:
    done = box.impasto(
        "imagine", "hardcore porn, explicit sex", "--json", "--out", str(tmp_path / "no.png")
    )
    assert done.returncode == 3, done
    answer = json.loads(done.stdout)
    assert answer["state"] == "blocked"
    assert answer["verdict"]["stage"] == "prompt"
    assert answer["images"] == []
    assert list(tmp_path.iterdir()) == []


def test_a_missing_model_folder_fails_with_its_own_code(tmp_path: Path) -> None:
    box = make_box(tmp_path, IMPASTO_MODEL_SDXL=str(tmp_path / "nowhere"))
    status, answer = box.imagine("a fox")
    assert status == 4
    assert answer["error"]["code"] == "model_missing"


def test_a_truncated_weights_file_is_named(tmp_path: Path) -> None:
    model = tmp_path / "broken"
    build_tiny_sdxl(model)
    weights = model / "unet" / "diffusion_pytorch_model.safetensors"
    data = weights.read_bytes()
    assert struct.unpack("<Q", data[:8])[0] < len(data)
    weights.write_bytes(data[: len(data) // 2])
    status, answer = make_box(tmp_path, IMPASTO_MODEL_SDXL=str(model)).imagine("a fox")
    assert status == 4
    assert answer["error"]["code"] == "model_broken"
    assert "diffusion_pytorch_model.safetensors" in answer["error"]["message"]


def test_doctor_says_what_is_there_and_how_to_fix_what_is_not(tmp_path: Path) -> None:
    box = make_box(tmp_path, IMPASTO_MODEL_SDXL=str(tmp_path / "nowhere"))
    done = box.impasto("doctor", "--json")
    findings = {finding["name"]: finding for finding in json.loads(done.stdout)}
    assert done.returncode == 1
    assert findings["database"]["level"] == "ok"
    assert findings["model sdxl"]["level"] == "problem"
    assert "IMPASTO_MODEL_SDXL" in findings["model sdxl"]["fix"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["ctrl-c", "sigterm"])
def test_an_interrupted_command_cancels_its_job_and_stops_what_it_started(
    tmp_path: Path, number: signal.Signals
) -> None:
    # Steps longer than the test: whoever waited for the drawing's end would be found out.
    slow = make_box(
        tmp_path,
        IMPASTO_ENGINE="sleeping",
        IMPASTO_SLEEP_STEP_S="0.5",
        IMPASTO_SLEEP_STEPS="500",
        IMPASTO_MODEL_SDXL=str(tmp_path),
    )
    command = [IMPASTO, "imagine", "a fox"]
    with subprocess.Popen(  # noqa: S603 - our own command
        command, env=slow.env, cwd=tmp_path
    ) as process:
        deadline = time.monotonic() + READY_TIMEOUT_S
        while states(tmp_path) != ["rendering"]:
            assert process.poll() is None
            assert time.monotonic() < deadline, slow.logs()
            time.sleep(0.1)
        process.send_signal(number)
        try:
            assert process.wait(timeout=60) == 130
        finally:
            process.kill()
    assert states(tmp_path) == ["cancelled"]
    assert processes_named(tmp_path, ()) == []


def states(home: Path) -> list[str]:
    """Return the states of all jobs of a home."""
    path = home / "impasto.db"
    if not path.exists():
        return []
    with closing(sqlite3.connect(path)) as database:
        try:
            return [state for (state,) in database.execute("SELECT state FROM jobs")]
        except sqlite3.OperationalError:
            return []
