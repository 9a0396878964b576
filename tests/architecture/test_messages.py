"""Messages written by an older release still parse. Samples are added, never edited."""

import json
from pathlib import Path
from typing import get_args

import pytest
from pydantic import BaseModel, ValidationError

from backend import contracts
from backend.contracts import (
    ImagePromptUse,
    LoraUse,
    RenderJob,
    RenderReport,
    WorkerPresence,
    parse_presence,
    parse_report,
)
from tests.architecture.house import ROOT

SAMPLES = sorted((ROOT / "tests/architecture/messages").glob("*.json"))


def _parse(text: str) -> BaseModel:
    match json.loads(text)["kind"]:
        case "render_job":
            return RenderJob.model_validate_json(text)
        case "worker_presence":
            return parse_presence(text)
        case _:
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


@pytest.mark.parametrize("sample", [path for path in SAMPLES if "presence" not in path.stem])
def test_a_field_from_the_future_is_refused(sample: Path) -> None:
    document = {**json.loads(sample.read_text(encoding="utf-8")), "colour": "red"}
    with pytest.raises(ValidationError):
        _parse(json.dumps(document))


def test_every_kind_of_message_has_a_sample() -> None:
    reports = get_args(get_args(RenderReport)[0])
    kinds = {kind.model_fields["kind"].default for kind in (RenderJob, WorkerPresence, *reports)}
    assert {json.loads(sample.read_text())["kind"] for sample in SAMPLES} == kinds


def test_the_names_that_running_processes_share_stay_as_they_are() -> None:
    family, tier = contracts.ModelFamily.SDXL, contracts.Tier.TURBO
    assert contracts.TASK_RENDER == "impasto.render"
    assert contracts.REPORT_STREAM == "impasto:reports"
    assert contracts.NUDGE_FIELD == "nudge"
    assert contracts.queue_name(family, tier) == "sdxl.turbo"
    assert contracts.own_queue_name(family, "w") == "sdxl.worker.w"
    assert contracts.cancel_key("gen_1") == "impasto:cancel:gen_1"
    assert contracts.claim_key("gen_1", 2) == "impasto:claim:gen_1:2"
    assert contracts.preview_key("gen_1", 2) == "impasto:preview:gen_1:2"
    assert contracts.worker_key(family, "w") == "impasto:worker:sdxl:w"


def test_an_older_workers_number_of_slots_is_what_it_wants() -> None:
    presence = parse_presence(b"2")
    assert (presence.slots, presence.wants, presence.has_own_queue) == (2, 2, False)


def test_what_a_newer_worker_says_of_itself_is_understood_as_far_as_it_is_known() -> None:
    said = json.loads((ROOT / "tests/architecture/messages/worker_presence.json").read_text())
    assert parse_presence(json.dumps({**said, "mood": "fine"})) == parse_presence(json.dumps(said))
    assert parse_presence(json.dumps({**said, "state": "dreaming"})).state == "idle"
    assert parse_presence(json.dumps({**said, "state": "unhealthy"})).state == "unhealthy"


def test_a_plain_job_says_nothing_an_older_worker_would_refuse() -> None:
    text = (ROOT / "tests/architecture/messages/render_job.json").read_text()
    job = RenderJob.model_validate_json(text)
    assert job.as_message().keys() == json.loads(text).keys()
    dressed = job.model_copy(update={"loras": (LoraUse(name="fox", scale=0.5),)})
    assert RenderJob.model_validate(dressed.as_message()) == dressed


def test_loras_that_an_older_backend_only_named_count_as_they_were_trained() -> None:
    text = (ROOT / "tests/architecture/messages/render_job_adapters.json").read_text()
    job = RenderJob.model_validate_json(text)
    assert job.loras == tuple(LoraUse(name=name) for name in json.loads(text)["adapters"])


def test_a_plain_prompt_and_a_picture_as_asked_for_say_nothing_an_older_end_would_refuse() -> None:
    messages = ROOT / "tests/architecture/messages"
    job = RenderJob.model_validate_json((messages / "render_job_least.json").read_text())
    silent = {"parts", "negative_parts", "mask", "outpaint", "upscale", "image_prompts", "is_tiled"}
    assert not (silent | {"is_exact", "recipe", "policy"}) & job.as_message().keys()
    for said in ("parts", "modes", "exact", "policy"):
        told = RenderJob.model_validate_json((messages / f"render_job_{said}.json").read_text())
        assert RenderJob.model_validate(told.as_message()) == told
    plain = parse_report((messages / "render_finished.json").read_text())
    assert not {"notes", "recipe", "reproduction", "judged"} & plain.model_dump().keys()
    for name in ("notes", "recipe", "reproduction", "judged"):
        sample = parse_report((messages / f"render_finished_{name}.json").read_text())
        assert parse_report(sample.model_dump_json()) == sample
        assert name in sample.model_dump()


def test_what_older_workers_do_not_know_is_said_of_a_style_alone() -> None:
    assert ImagePromptUse(key="k").model_dump(mode="json") == {"key": "k", "scale": 1.0}
    style = ImagePromptUse(key="k", is_style=True)
    assert style.model_dump(mode="json")["is_style"] is True
    assert ImagePromptUse.model_validate_json(style.model_dump_json()) == style
