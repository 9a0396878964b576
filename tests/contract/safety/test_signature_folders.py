"""What is made of a signature's folder that is no good: by the one who reads it, and by all three
who want something of it.
"""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from backend.cli.signature_report import look_at_signature
from backend.contracts import ModelFamily
from backend.settings import Settings
from gpu_worker.compose.signing import find_decoder
from gpu_worker.state import ModelBroken, ModelMissing
from safety.errors import SignatureUnusable
from safety.provenance.signature import (
    DECODER_FILE,
    EXTRACTOR_FILE,
    FACTS_FILE,
    SignatureFacts,
    check_file,
    read_facts,
    write_facts,
)
from safety.provenance.watermarks import open_watermark
from tests.contract.safety.drawn import SIGNATURE

Spoil = Callable[[Path], object]


def without(name: str) -> Spoil:
    return lambda folder: (folder / name).unlink()


def saying(text: str) -> Spoil:
    return lambda folder: (folder / FACTS_FILE).write_text(text)


def with_fact(**facts: object) -> Spoil:
    def spoil(folder: Path) -> None:
        known = json.loads((folder / FACTS_FILE).read_text())
        (folder / FACTS_FILE).write_text(json.dumps({**known, **facts}))

    return spoil


def lacking(name: str) -> Spoil:
    def spoil(folder: Path) -> None:
        known = json.loads((folder / FACTS_FILE).read_text())
        del known[name]
        (folder / FACTS_FILE).write_text(json.dumps(known))

    return spoil


def of_another(name: str) -> Spoil:
    def spoil(folder: Path) -> None:
        whole = bytearray((folder / name).read_bytes())
        whole[-1] ^= 1
        (folder / name).write_bytes(whole)

    return spoil


BAD_FACTS: dict[str, tuple[Spoil, str]] = {
    "no folder": (shutil.rmtree, "missing"),
    "no facts": (without(FACTS_FILE), "missing"),
    "not JSON": (saying("{"), "broken"),
    "not text": (lambda folder: (folder / FACTS_FILE).write_bytes(b"\xff"), "broken"),
    "no object": (saying("[]"), "broken"),
    "nothing": (saying("{}"), "broken"),
    "no number": (lacking("signature"), "broken"),
    "a number in words": (with_fact(signature="fox"), "broken"),
    "a number too long": (with_fact(signature="A7C35E19D28400"), "broken"),
    "a number below nothing": (with_fact(signature="-7C35E19D284"), "broken"),
    "no family": (lacking("family"), "broken"),
    "a family of no word": (with_fact(family=7), "broken"),
    "no size": (with_fact(shown_at=[]), "broken"),
    "a size of nothing": (with_fact(shown_at=[0]), "broken"),
    "no size at all": (with_fact(shown_at=[float("nan")]), "broken"),
    "no digests": (with_fact(sha256=[]), "broken"),
    "of a version to come": (with_fact(version=2), "version"),
    "of no version": (with_fact(version=None), "version"),
}
BAD_DECODERS: dict[str, tuple[Spoil, str]] = {
    "no decoder": (without(DECODER_FILE), "missing"),
    "another decoder": (of_another(DECODER_FILE), "altered"),
}
BAD_EXTRACTORS: dict[str, tuple[Spoil, str]] = {
    "no extractor": (without(EXTRACTOR_FILE), "missing"),
    "another extractor": (of_another(EXTRACTOR_FILE), "altered"),
}
BAD_WEIGHTS: dict[str, Spoil] = {
    "no tensors": lambda folder: (folder / EXTRACTOR_FILE).write_bytes(b"[]"),
    "nothing at all": lambda folder: (folder / EXTRACTOR_FILE).write_bytes(b""),
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the shipped one, which may be spoilt."""
    return Path(shutil.copytree(SIGNATURE, tmp_path / "signature"))


@pytest.mark.parametrize(("spoil", "reason"), BAD_FACTS.values(), ids=BAD_FACTS)
def test_bad_facts_are_refused_for_a_reason(folder: Path, spoil: Spoil, reason: str) -> None:
    spoil(folder)
    with pytest.raises(SignatureUnusable, match=r"gpu_worker\.starter\.signature") as refused:
        read_facts(folder)
    assert refused.value.reason == reason
    assert str(folder / FACTS_FILE) in str(refused.value)


@pytest.mark.parametrize(
    ("name", "spoil", "reason"),
    [
        *((DECODER_FILE, *case) for case in BAD_DECODERS.values()),
        *((EXTRACTOR_FILE, *case) for case in BAD_EXTRACTORS.values()),
    ],
)
def test_a_file_is_refused_unless_the_facts_are_about_it(
    folder: Path, name: str, spoil: Spoil, reason: str
) -> None:
    spoil(folder)
    with pytest.raises(SignatureUnusable, match=r"gpu_worker\.starter\.signature") as refused:
        check_file(folder, name, read_facts(folder))
    assert refused.value.reason == reason
    assert str(folder / name) in str(refused.value)


@pytest.mark.parametrize(("spoil", "reason"), [*BAD_FACTS.values(), *BAD_EXTRACTORS.values()])
def test_nothing_is_looked_for_by_a_bad_folder(folder: Path, spoil: Spoil, reason: str) -> None:
    spoil(folder)
    with pytest.raises(SignatureUnusable) as refused:
        open_watermark("stable_signature", key=b"", folder=folder)
    assert refused.value.reason == reason


@pytest.mark.parametrize("spoil", BAD_WEIGHTS.values(), ids=BAD_WEIGHTS)
def test_an_extractor_of_before_digests_must_still_be_one(folder: Path, spoil: Spoil) -> None:
    lacking("sha256")(folder)
    spoil(folder)
    with pytest.raises(SignatureUnusable, match="no extractor") as refused:
        open_watermark("stable_signature", key=b"", folder=folder)
    assert refused.value.reason == "broken"


@pytest.mark.parametrize(("spoil", "reason"), [*BAD_FACTS.values(), *BAD_DECODERS.values()])
def test_a_worker_draws_by_no_bad_folder_and_names_the_setting(
    folder: Path, spoil: Spoil, reason: str
) -> None:
    spoil(folder)
    kind = ModelMissing if reason == "missing" else ModelBroken
    with pytest.raises(kind, match="IMPASTO_SIGNATURE"):
        find_decoder(folder, ModelFamily.SDXL)


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [*BAD_FACTS.values(), *BAD_DECODERS.values(), *BAD_EXTRACTORS.values()],
)
def test_the_doctor_says_of_a_bad_folder_what_its_reader_says(
    folder: Path, spoil: Spoil, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IMPASTO_HOME", str(folder.parent))
    spoil(folder)
    problem = look_at_signature(folder, Settings()).problem
    assert str(folder) in problem
    assert "gpu_worker.starter.signature" in problem
    assert ("not the one" in problem) == (reason == "altered")


def test_a_folder_of_before_versions_and_digests_is_read_as_before(folder: Path) -> None:
    kept = '{"signature": "A7C35E19D284", "family": "sdxl", "shown_at": [4]}'
    (folder / FACTS_FILE).write_text(kept)
    of_another(DECODER_FILE)(folder)
    facts = read_facts(folder)
    assert facts == SignatureFacts(signature=0xA7C35E19D284, family="sdxl", shown_at=(4,))
    assert check_file(folder, DECODER_FILE, facts) == folder / DECODER_FILE


def test_facts_come_back_as_they_were_written(folder: Path) -> None:
    facts = SignatureFacts(signature=7, family="flux", shown_at=(1.0, 2.5))
    write_facts(folder, facts)
    found = read_facts(folder)
    assert (found.number, found.family, found.shown_at) == ("000000000007", "flux", (1.0, 2.5))
    assert set(found.sha256) == {DECODER_FILE, EXTRACTOR_FILE}
    assert found.sha256 == read_facts(SIGNATURE).sha256
