"""The compose file and the Dockerfiles: valid by the official schema, and true to the code."""

import importlib
import json
import re
import tomllib
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from pydantic_settings import BaseSettings

from backend.contracts import ModelFamily
from backend.dispatch.leader import ALIVE_KEY

ROOT = Path(__file__).parents[2]
HOUSES = {
    "bot": ("backend.settings.Settings", "bot.settings.BotSettings"),
    "backend": ("backend.settings.Settings",),
    "gpu_worker": ("gpu_worker.settings.Settings",),
}
DOCKERFILES = [ROOT / house / "Dockerfile" for house in HOUSES]


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text())
    return document


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    """Return the Compose Specification's own schema, as check-jsonschema carries it."""
    text = files("check_jsonschema.builtin_schemas").joinpath("vendor/compose-spec.json")
    document: dict[str, Any] = json.loads(text.read_text())
    return document


def _house_of(service: dict[str, Any]) -> str | None:
    dockerfile = service.get("build", {}).get("dockerfile")
    return dockerfile.partition("/")[0] if dockerfile else None


def _fields(house: str) -> set[str]:
    names: set[str] = set()
    for path in HOUSES[house]:
        module, _, name = path.rpartition(".")
        settings: type[BaseSettings] = getattr(importlib.import_module(module), name)
        names |= {f"IMPASTO_{field.upper()}" for field in settings.model_fields}
    return names


def test_the_compose_file_is_one_by_the_official_schema(
    compose: dict[str, Any], schema: dict[str, Any]
) -> None:
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(compose, schema, cls=jsonschema.Draft202012Validator)


@pytest.mark.parametrize("wrong", [{"volums": []}, {"ports": "8080"}, {"restart": 3}])
def test_the_schema_refuses_what_is_no_compose_file(
    compose: dict[str, Any], schema: dict[str, Any], wrong: dict[str, object]
) -> None:
    services = {**compose["services"], "gateway": {**compose["services"]["gateway"], **wrong}}
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(
            {**compose, "services": services}, schema, cls=jsonschema.Draft202012Validator
        )


def test_every_variable_of_ours_is_a_setting_of_the_process_that_gets_it(
    compose: dict[str, Any],
) -> None:
    for name, service in compose["services"].items():
        house = _house_of(service)
        if house is not None:
            unknown = set(service.get("environment", {})) - _fields(house)
            assert not unknown, f"{name} is given {unknown}"


def test_every_variable_of_ours_read_from_outside_is_a_setting_of_somebody() -> None:
    named = set(re.findall(r"IMPASTO_[A-Z0-9_]+", (ROOT / "compose.yaml").read_text()))
    for dockerfile in DOCKERFILES:
        named |= set(re.findall(r"IMPASTO_[A-Z0-9_]+", dockerfile.read_text()))
    assert named <= set().union(*(_fields(house) for house in HOUSES))


def test_no_secret_has_a_default(compose: dict[str, Any]) -> None:
    text = (ROOT / "compose.yaml").read_text()
    for variable in ("POSTGRES_PASSWORD", "IMPASTO_DISCORD_TOKEN", "IMPASTO_S3_SECRET_ACCESS_KEY"):
        uses = re.findall(rf"\$\{{{variable}([^}}]*)\}}", text)
        assert uses
        assert all(use.startswith(":?") for use in uses)


@pytest.mark.parametrize("family", list(ModelFamily))
def test_every_family_has_a_worker_with_a_gpu(compose: dict[str, Any], family: ModelFamily) -> None:
    service = compose["services"][f"worker-{family}"]
    assert service["command"] == ["--family", family]
    assert f"IMPASTO_MODEL_{family.upper()}" in service["environment"]
    [device] = service["deploy"]["resources"]["reservations"]["devices"]
    assert device["capabilities"] == ["gpu"]
    assert service.get("profiles", []) == ([] if family is ModelFamily.SDXL else [family])


def test_every_house_that_is_deployed_is_a_service(compose: dict[str, Any]) -> None:
    built = {_house_of(service) for service in compose["services"].values()} - {None}
    assert built == set(HOUSES)


def test_what_a_service_leans_on_is_there(compose: dict[str, Any]) -> None:
    for name, service in compose["services"].items():
        for needed, how in service.get("depends_on", {}).items():
            target = compose["services"][needed]
            assert how["condition"] != "service_healthy" or "healthcheck" in target, name
        for volume in service.get("volumes", []):
            if isinstance(volume, str):
                assert volume.partition(":")[0] in compose["volumes"]


def test_every_image_of_others_is_pinned(compose: dict[str, Any]) -> None:
    for service in compose["services"].values():
        if "build" not in service:
            assert re.search(r":[0-9]", service["image"])


def test_health_checks_ask_for_keys_that_are_written(compose: dict[str, Any]) -> None:
    assert ALIVE_KEY in compose["services"]["dispatcher"]["healthcheck"]["test"][-1]


def test_workers_are_asked_where_they_answer(compose: dict[str, Any]) -> None:
    for family in ModelFamily:
        service = compose["services"][f"worker-{family}"]
        port = service["environment"]["IMPASTO_HEALTH_PORT"]
        assert f"http://127.0.0.1:{port}/readyz" in service["healthcheck"]["test"][3]


def test_probes_written_in_python_compile(compose: dict[str, Any]) -> None:
    for service in compose["services"].values():
        test = service.get("healthcheck", {}).get("test", [])
        if test[1:3] == ["python", "-c"]:
            compile(test[3], "probe", "exec")


@pytest.mark.parametrize("dockerfile", DOCKERFILES, ids=lambda path: path.parent.name)
class TestDockerfile:
    """What holds for each of the three."""

    def test_it_copies_only_what_is_there_and_let_through(self, dockerfile: Path) -> None:
        allowed = (ROOT / ".dockerignore").read_text().splitlines()
        for line in re.findall(r"^COPY (?!--from)(.+)$", dockerfile.read_text(), re.M):
            for source in line.split()[:-1]:
                assert (ROOT / source).exists(), source
                assert f"!{source}" in allowed or f"!{source}/" in allowed

    def test_it_runs_as_nobody_special(self, dockerfile: Path) -> None:
        stages = dockerfile.read_text().split("\nFROM ")
        assert re.search(r"^USER impasto$", stages[-1], re.M)

    def test_it_installs_extras_that_exist_under_the_constraints(self, dockerfile: Path) -> None:
        project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
        [extras] = re.findall(
            r"pip install -c constraints\.txt '\.\[(.+)\]'", dockerfile.read_text()
        )
        assert set(extras.split(",")) <= set(project["optional-dependencies"])

    def test_torch_is_installed_first_by_the_worker_and_by_nobody_else(
        self, dockerfile: Path
    ) -> None:
        installs = re.findall(r"^RUN pip install .*$", dockerfile.read_text(), re.M)
        is_worker = dockerfile.parent.name == "gpu_worker"
        assert ("torch==" in installs[0]) is is_worker
        assert all("gpu" not in line and "torch" not in line for line in installs) is not is_worker

    def test_it_starts_a_module_that_can_be_run(self, dockerfile: Path) -> None:
        [entry] = re.findall(
            r'^ENTRYPOINT \["python", "-m", "(.+)"\]$', dockerfile.read_text(), re.M
        )
        assert (ROOT / entry / "__main__.py").exists()
