"""`impasto models list`: what would be drawn with, and what is wrong with it."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from backend.cli import main, make_parser
from backend.cli.doctor import examine_models
from backend.cli.stack import model_env
from backend.cli.up import narrow
from backend.domain.families import ModelFamily
from backend.models.folders import BadModelFolder, count_parameters, is_hub_id, read_model
from backend.models.starters import families_to_serve, starter_model
from backend.settings import Settings

pytestmark = pytest.mark.usefixtures("home")

WEIGHTS = "unet/diffusion_pytorch_model.safetensors"
NOWHERE = "/nowhere/at/all"


@pytest.fixture
def model(tiny_sdxl: Path, tmp_path: Path) -> Path:
    """A small model that may be spoilt."""
    return Path(shutil.copytree(tiny_sdxl, tmp_path / "model"))


def listed(capsys: pytest.CaptureFixture[str], *, status: int = 0) -> dict[str, dict[str, Any]]:
    assert main(["models", "list", "--json"]) == status
    return {model["family"]: model for model in json.loads(capsys.readouterr().out)["models"]}


def shown(capsys: pytest.CaptureFixture[str], *, status: int = 0) -> str:
    assert main(["models", "list"]) == status
    return capsys.readouterr().out


STARTERS = [family for family in ModelFamily if starter_model(family)]


@pytest.mark.parametrize("family", STARTERS)
def test_a_starter_model_is_named_as_one_with_all_its_facts(
    family: ModelFamily, capsys: pytest.CaptureFixture[str]
) -> None:
    model = listed(capsys)[family]
    assert model["source"] == "starter"
    assert model["is_starter"]
    assert model["is_served"]
    assert model["folder"] == str(starter_model(family))
    assert 1_000_000 < model["parameters"] < 100_000_000
    assert 1_000_000 < model["size_bytes"] < 100_000_000
    assert model["native_side"] >= 64
    assert model["steps"] >= 1
    assert model["sampler"]
    assert model["licence"] == "mit"
    assert model["problem"] is None


def test_a_starter_model_comes_with_what_to_install_instead(
    capsys: pytest.CaptureFixture[str],
) -> None:
    text = shown(capsys)
    assert "sdxl is a starter model" in text
    for words in (
        "SDXL base 1.0 (CreativeML Open RAIL++-M License)",
        "SD3.5 medium (Stability AI Community License)",
        "SD3.5 large (Stability AI Community License)",
        "FLUX.1-schnell (Apache License 2.0)",
        "FLUX.1-dev (FLUX.1 [dev] Non-Commercial License)",
    ):
        assert words in text
    lines = [line.strip() for line in text.splitlines()]
    assert "export IMPASTO_MODEL_SDXL=stabilityai/stable-diffusion-xl-base-1.0" in lines
    assert "export IMPASTO_MODEL_SD3=stabilityai/stable-diffusion-3.5-medium" in lines
    assert "export IMPASTO_MODEL_FLUX=black-forest-labs/FLUX.1-schnell" in lines


def test_every_line_to_install_by_is_a_setting_that_is_understood(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for model in listed(capsys).values():
        for choice in model["install"]:
            name, _, value = choice["line"].removeprefix("export ").partition("=")
            monkeypatch.setenv(name, value)
            assert Settings().model_source(ModelFamily(model["family"])) == choice["hub_id"]
            assert is_hub_id(value)


def test_configured_folders_of_all_families_are_read(
    tiny_sdxl: Path,
    tiny_sd3: Path,
    tiny_flux: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folders = {"sdxl": tiny_sdxl, "sd3": tiny_sd3, "flux": tiny_flux}
    for family, folder in folders.items():
        monkeypatch.setenv(f"IMPASTO_MODEL_{family.upper()}", str(folder))
    models = listed(capsys)
    for family, folder in folders.items():
        model = models[family]
        assert model["source"] == "folder"
        assert model["configured"] == model["folder"] == str(folder)
        assert not model["is_starter"]
        assert model["is_served"]
        assert model["native_side"] == 64
        assert model["steps"] == 8
        assert model["size_bytes"] == sum(
            path.stat().st_size for path in folder.rglob("*") if path.is_file()
        )
        assert model["install"] == []


def test_parameters_are_those_that_would_be_loaded(model: Path) -> None:
    from diffusers import StableDiffusionXLPipeline

    pipeline = StableDiffusionXLPipeline.from_pretrained(model)
    parts = (pipeline.unet, pipeline.vae, pipeline.text_encoder, pipeline.text_encoder_2)
    expected = sum(tensor.numel() for part in parts for tensor in part.parameters())
    shutil.copy(model / WEIGHTS, model / "unet/diffusion_pytorch_model.fp16.safetensors")
    assert read_model(model, ModelFamily.SDXL).parameters == expected


@pytest.mark.parametrize(
    ("matter", "licence"),
    [
        ("license: openrail++\n", "openrail++"),
        ('license: "apache-2.0"\n', "apache-2.0"),
        ("license: other\nlicense_name: flux-1-dev\n", "flux-1-dev"),
        ("tags:\n- art\n", None),
    ],
)
def test_the_licence_is_the_one_in_the_cards_front_matter(
    matter: str, licence: str | None, model: Path
) -> None:
    card = f"---\n{matter}---\n\nlicense: none of this\n\n# A model of ours\n\n## More\n"
    (model / "README.md").write_text(card)
    facts = read_model(model, ModelFamily.SDXL)
    assert (facts.title, facts.licence) == ("A model of ours", licence)


def test_a_folder_without_a_card_or_defaults_leaves_them_open(
    model: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (model / "impasto.json").unlink()
    monkeypatch.setenv("IMPASTO_MODEL_SDXL", str(model))
    found = listed(capsys)["sdxl"]
    assert (found["title"], found["licence"]) == ("model", None)
    assert (found["steps"], found["guidance"], found["sampler"]) == (None, None, None)
    assert "usual" in shown(capsys)


def test_a_hub_id_is_left_to_the_worker(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("IMPASTO_MODEL_FLUX", "black-forest-labs/FLUX.1-dev")
    model = listed(capsys)["flux"]
    assert (model["source"], model["folder"], model["problem"]) == ("hub", None, None)
    assert "hub id black-forest-labs/FLUX.1-dev, fetched by the worker" in shown(capsys)


@pytest.mark.parametrize("source", [NOWHERE, "nowhere", "./nowhere", "a/b/c", "~/nowhere"])
def test_what_is_neither_a_folder_nor_a_hub_id_is_a_problem(
    source: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("IMPASTO_MODEL_SD3", source)
    model = listed(capsys, status=1)["sd3"]
    assert model["problem"].startswith("There is no model folder at ")
    text = shown(capsys, status=1)
    assert model["problem"] in text
    assert "IMPASTO_MODEL_SD3 must name a diffusers folder" in text


def _truncate(model: Path) -> None:
    data = (model / WEIGHTS).read_bytes()
    (model / WEIGHTS).write_bytes(data[: len(data) // 2])


def _cut_header(model: Path) -> None:
    (model / WEIGHTS).write_bytes(b"\xff" * 40)


def _empty(model: Path) -> None:
    (model / WEIGHTS).write_bytes(b"")


def _garble_header(model: Path) -> None:
    (model / WEIGHTS).write_bytes((8).to_bytes(8, "little") + b'{"a": 1}')


def _lose_weights(model: Path) -> None:
    (model / WEIGHTS).unlink()


def _lose_part(model: Path) -> None:
    shutil.rmtree(model / "unet")


def _lose_shard(model: Path) -> None:
    index = {"weight_map": {"a": "diffusion_pytorch_model-00002-of-00002.safetensors"}}
    (model / "unet/diffusion_pytorch_model.safetensors.index.json").write_text(json.dumps(index))


def _lose_index(model: Path) -> None:
    (model / "model_index.json").unlink()


def _garble_index(model: Path) -> None:
    (model / "model_index.json").write_text("[1, 2")


def _other_family(model: Path) -> None:
    index = json.loads((model / "model_index.json").read_text())
    index["_class_name"] = "FluxPipeline"
    (model / "model_index.json").write_text(json.dumps(index))


def _bad_steps(model: Path) -> None:
    (model / "impasto.json").write_text('{"steps": 0}')


def _bad_sampler(model: Path) -> None:
    (model / "impasto.json").write_text('{"sampler": "flow_euler"}')


@pytest.mark.parametrize(
    ("spoil", "named"),
    [
        (_truncate, WEIGHTS),
        (_cut_header, WEIGHTS),
        (_empty, WEIGHTS),
        (_garble_header, WEIGHTS),
        (_lose_weights, "unet holds no safetensors file"),
        (_lose_part, "unet is missing"),
        (_lose_shard, "00002-of-00002.safetensors is missing"),
        (_lose_index, "model_index.json is missing"),
        (_garble_index, "model_index.json cannot be read"),
        (_other_family, "holds FluxPipeline, and sdxl is StableDiffusionXL"),
        (_bad_steps, "impasto.json has bad values for: steps"),
        (_bad_sampler, "impasto.json has bad values for: sampler"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_a_spoilt_folder_is_named_alike_by_list_and_doctor(
    spoil: Any,
    named: str,
    model: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    spoil(model)
    monkeypatch.setenv("IMPASTO_MODEL_SDXL", str(model))
    problem = listed(capsys, status=1)["sdxl"]["problem"]
    assert named in problem
    findings = {finding.name: finding for finding in examine_models(Settings())}
    assert findings["model sdxl"].level == "problem"
    assert findings["model sdxl"].message == problem


def test_doctor_looks_at_a_model_that_is_configured_but_not_served(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("IMPASTO_FAMILIES", "sdxl")
    monkeypatch.setenv("IMPASTO_MODEL_FLUX", NOWHERE)
    findings = {finding.name: finding for finding in examine_models(Settings())}
    assert findings["model flux"].level == "problem"


def test_a_family_that_is_served_without_a_model_is_a_problem(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("backend.cli.model_report.starter_model", lambda _family: None)
    monkeypatch.setenv("IMPASTO_FAMILIES", "flux")
    assert listed(capsys, status=1)["flux"]["problem"] == "No model is configured for flux."
    findings = {finding.name: finding for finding in examine_models(Settings())}
    assert "IMPASTO_FAMILIES" in findings["model flux"].fix


def test_companions_of_the_starters_are_found(
    model: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    starters = tmp_path / "starters"
    for name in ("lora-flat", "controlnet-edges", "upscaler"):
        (starters / name).mkdir(parents=True)
        shutil.copy(model / WEIGHTS, starters / name)
    (starters / "lora-flat" / "README.md").write_text("---\nlicense: mit\n---\n# Flat\n")
    (starters / "controlnet-edges" / Path(WEIGHTS).name).write_bytes(b"short")
    monkeypatch.setattr("backend.cli.model_report.starters_folder", lambda: starters)
    monkeypatch.setenv("IMPASTO_MODEL_SDXL", str(model))
    assert main(["models", "list", "--json"]) == 1
    edges, flat = json.loads(capsys.readouterr().out)["companions"]
    assert (edges["kind"], edges["name"]) == ("controlnet", "controlnet-edges")
    assert "truncated" in edges["problem"]
    assert (flat["kind"], flat["licence"], flat["problem"]) == ("lora", "mit", None)
    assert flat["parameters"] == count_parameters(model / WEIGHTS)


def test_what_is_configured_is_served_and_else_every_starter() -> None:
    assert families_to_serve([]) == tuple(STARTERS)
    assert families_to_serve([ModelFamily.FLUX]) == (ModelFamily.FLUX,)
    assert families_to_serve([ModelFamily.FLUX, ModelFamily.SDXL]) == (
        ModelFamily.SDXL,
        ModelFamily.FLUX,
    )


def test_a_host_that_cannot_draw_serves_sdxl_unless_told_otherwise(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    assert Settings().families == (ModelFamily.SDXL,)
    monkeypatch.setenv("IMPASTO_FAMILIES", "flux,sd3")
    assert Settings().families == (ModelFamily.FLUX, ModelFamily.SD3)


def test_a_command_line_narrows_what_is_served() -> None:
    settings = Settings()
    for command in ("up", "demo"):
        parser = make_parser([command])
        arguments = parser.parse_args([command, "--families", "flux, sdxl,flux"])
        assert narrow(settings, arguments).families == (ModelFamily.FLUX, ModelFamily.SDXL)
        assert narrow(settings, parser.parse_args([command])) == settings


@pytest.mark.parametrize("families", ["", "nope", "sdxl,", "sdxl;flux"])
@pytest.mark.parametrize("command", ["up", "demo"])
def test_families_that_do_not_exist_are_refused(
    command: str, families: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([command, "--families", families]) == 2
    assert "one or more of sdxl, sd3, flux" in capsys.readouterr().err


def test_a_worker_is_told_of_the_starter_only_where_no_model_is_configured(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    starter = starter_model(ModelFamily.SDXL)
    assert model_env(Settings(), ModelFamily.SDXL) == {"IMPASTO_MODEL_SDXL": str(starter)}
    monkeypatch.setenv("IMPASTO_MODEL_SDXL", NOWHERE)
    assert model_env(Settings(), ModelFamily.SDXL) == {}


@pytest.mark.parametrize("words", [["models"], ["models", "lits"], ["models", "list", "--all"]])
def test_a_command_line_that_cannot_be_read_is_told(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 2
    assert capsys.readouterr().err.startswith("bad_input: ")


def test_a_setting_that_cannot_be_used_is_one_json_object(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("IMPASTO_FAMILIES", "foo")
    assert main(["models", "list", "--json"]) == 2
    assert json.loads(capsys.readouterr().out)["error"]["code"] == "bad_setting"


def test_a_file_that_is_no_safetensors_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    path.write_text("not at all, not at all, not at all")
    with pytest.raises(BadModelFolder, match="no safetensors file"):
        count_parameters(path)
