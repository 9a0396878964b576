"""`impasto prompt explain`: what a prompt would be, without anything running."""

import json
from pathlib import Path

import pytest

from backend.bootstrap.reading import open_screen
from backend.cli import main, make_parser
from backend.cli.imagine import make_request
from backend.domain.families import ModelFamily
from backend.prompt.pipeline import understand_all
from backend.settings import Settings


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("IMPASTO_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def test_a_prompt_is_explained_to_people(capsys: pytest.CaptureFixture[str], home: Path) -> None:
    assert main(["prompt", "explain", "a (red:1.3) star --ar 3:2 --q 2 --no fog"]) == 0
    said = capsys.readouterr().out
    for line in (
        "draw      a (red:1.3) star",
        "leave out fog",
        "32 steps",
        "clip_l: 3 of",
        "safety",
    ):
        assert line in said
    assert "--quality is approximated by sdxl" in said
    assert not home.exists()


def test_a_prompt_is_explained_to_programs(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["prompt", "explain", "a {red, blue} star --r 2", "--family", "flux", "--json"]
    assert main(words) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["jobs"], len(said["prompts"])) == (4, 2)
    first = said["prompts"][0]
    assert first["resolved"]["family"] == "flux"
    assert [count["encoder"] for count in first["tokens"]] == ["clip_l", "t5"]
    assert said["cost_gpu_s"] == pytest.approx(4 * first["cost_gpu_s"], rel=1e-3)


@pytest.mark.parametrize(
    ("words", "count"),
    [
        (["a fox"], 1),
        # As in a request of `impasto imagine`, the prompt has the last word.
        (["a fox --n 3", "--n", "2"], 3),
    ],
)
def test_as_many_pictures_are_foretold_as_imagine_would_draw(
    words: list[str], count: int, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = make_parser(["imagine", *words]).parse_args(["imagine", *words])
    [drawn] = understand_all(
        make_request(arguments), screen=open_screen(Settings()), default_family=ModelFamily.SDXL
    )
    assert main(["prompt", "explain", *words, "--json"]) == 0
    [foretold] = json.loads(capsys.readouterr().out)["prompts"]
    assert foretold["resolved"]["n"] == drawn.spec.image_count == count


def test_words_that_fall_off_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["prompt", "explain", "star " * 31 + "moon", "--family", "flux"]) == 0
    assert "falls off: moon" in capsys.readouterr().out


def test_a_wrong_prompt_is_pointed_at(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["prompt", "explain", "a (red fox"]) == 2
    assert capsys.readouterr().err.endswith("a (red fox\n  ^\n")


def test_a_held_prompt_has_its_own_status(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["prompt", "explain", "a naked woman", "--json"]) == 3
    said = json.loads(capsys.readouterr().out)
    assert said["prompts"][0]["safety"]["category"] == "sexual"


def test_a_model_that_is_elsewhere_is_not_counted(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IMPASTO_MODEL_SDXL", "stabilityai/stable-diffusion-xl-base-1.0")
    assert main(["prompt", "explain", "a fox", "--json"]) == 0
    [one] = json.loads(capsys.readouterr().out)["prompts"]
    assert one["tokens"] is None
    assert "not on this host" in one["tokens_unknown"]
    assert one["resolved"]["width"] is None
