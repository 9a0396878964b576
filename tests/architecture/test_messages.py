"""Messages written by an older release still parse. Samples are added, never edited."""

import json
from pathlib import Path
from typing import get_args

import pytest
from pydantic import ValidationError

from backend import contracts
from backend.contracts import RenderJob, RenderReport, parse_report
from tests.architecture.house import ROOT

SAMPLES = sorted((ROOT / "tests/architecture/messages").glob("*.json"))


def _parse(text: str) -> contracts.Message:
    if json.loads(text)["kind"] == "render_job":
        return RenderJob.model_validate_json(text)
    return parse_report(text)


def _stem(path: Path) -> str:
    return path.stem


@pytest.mark.parametrize("sample", SAMPLES, ids=_stem)
def test_a_stored_message_still_parses_and_means_the_same(sample: Path) -> None:
    text = sample.read_text(encoding="utf-8")
    message = _parse(text)
    written = message.model_dump(mode="json", exclude_defaults=False)
    assert json.loads(text).items() <= written.items()
    assert _parse(message.model_dump_json()) == message


@pytest.mark.parametrize("sample", SAMPLES, ids=_stem)
def test_a_field_from_the_future_is_refused(sample: Path) -> None:
    document = {**json.loads(sample.read_text(encoding="utf-8")), "colour": "red"}
    with pytest.raises(ValidationError):
        _parse(json.dumps(document))


def test_every_kind_of_message_has_a_sample() -> None:
    reports = get_args(get_args(RenderReport)[0])
    kinds = {kind.model_fields["kind"].default for kind in (RenderJob, *reports)}
    assert {json.loads(sample.read_text())["kind"] for sample in SAMPLES} == kinds


def test_the_names_that_running_processes_share_stay_as_they_are() -> None:
    family, tier = contracts.ModelFamily.SDXL, contracts.Tier.TURBO
    assert contracts.TASK_RENDER == "impasto.render"
    assert contracts.REPORT_STREAM == "impasto:reports"
    assert contracts.queue_name(family, tier) == "sdxl.turbo"
    assert contracts.cancel_key("gen_1") == "impasto:cancel:gen_1"
    assert contracts.claim_key("gen_1", 2) == "impasto:claim:gen_1:2"
    assert contracts.worker_key(family, "w") == "impasto:worker:sdxl:w"
