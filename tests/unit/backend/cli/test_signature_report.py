"""What `doctor` and `verify` say of the decoder that is to sign, and of one that cannot."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

import gpu_worker
from backend.cli import main
from backend.cli.doctor import Finding, examine_signature
from backend.cli.terminal import EXIT_FAILED
from backend.settings import Settings
from safety.provenance.signature import DECODER_FILE, read_facts, write_facts

pytestmark = pytest.mark.usefixtures("home")

SHIPPED = Path(gpu_worker.__file__).parent / "starter" / "models" / "signature"
NUMBER = "a7c35e19d284"


@pytest.fixture
def signature(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the shipped one, which is set and may be spoilt."""
    folder = Path(shutil.copytree(SHIPPED, tmp_path / "signature"))
    monkeypatch.setenv("IMPASTO_SIGNATURE", str(folder))
    return folder


def found() -> Finding:
    (finding,) = examine_signature(Settings())
    return finding


def test_where_none_is_set_there_is_nothing_to_say() -> None:
    assert list(examine_signature(Settings())) == []


@pytest.mark.usefixtures("signature")
def test_a_good_one_is_named_by_its_number() -> None:
    assert (found().level, found().message) == ("ok", f"what sdxl draws carries {NUMBER}")


@pytest.mark.usefixtures("signature")
def test_one_of_a_family_that_is_not_served_signs_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("IMPASTO_FAMILIES", "flux")
    assert found().level == "note"
    assert NUMBER in found().message


@pytest.mark.usefixtures("signature")
def test_one_of_another_architecture_is_a_problem(
    tiny_sdxl: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IMPASTO_MODEL_SDXL", str(tiny_sdxl))
    assert found().level == "problem"
    assert "another shape" in found().message


def test_a_missing_part_is_a_problem_and_names_the_setting(signature: Path) -> None:
    (signature / DECODER_FILE).unlink()
    assert found().level == "problem"
    assert str(signature) in found().message
    assert "IMPASTO_SIGNATURE" in found().fix


def test_a_decoder_that_holds_no_tensors_is_a_problem(signature: Path) -> None:
    (signature / DECODER_FILE).write_bytes(b"[]")
    write_facts(signature, read_facts(signature))
    assert found().level == "problem"
    assert str(signature) in found().message


def test_one_of_no_family_that_there_is_is_a_problem(signature: Path) -> None:
    write_facts(signature, replace(read_facts(signature), family="oils"))
    assert found().level == "problem"
    assert str(signature) in found().message


def test_nothing_is_verified_while_the_signature_cannot_be_looked_for(
    signature: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (signature / "extractor.safetensors").unlink()
    picture = tmp_path / "picture.png"
    Image.linear_gradient("L").save(picture)
    assert main(["verify", str(picture)]) == EXIT_FAILED
    told = capsys.readouterr().err
    assert "there is no signature to be read at" in told
    assert str(signature) in told
