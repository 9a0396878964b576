"""Text that databases refuse, and documents that older and newer releases wrote."""

import json
from pathlib import Path

import pytest

from backend.db.codecs import job_columns, job_of
from backend.db.sessions import Database
from backend.db.stores import SqlJobStore
from backend.db.tables import JobRow
from backend.domain.prompts import LoraRef
from backend.domain.requests import JobId
from tests.builders import a_birth, a_job, a_request, a_spec, at

SAMPLES = sorted((Path(__file__).parent / "samples").glob("*.json"))


async def test_characters_that_cannot_be_stored_are_replaced(database: Database):
    store = SqlJobStore(database=database)
    text = "a fox \x00 in \ud800 snow 🦊"
    job = a_job(request=a_request(text, idempotency_key="k\x00"), spec=a_spec(text))
    await store.add(a_birth(job), fingerprint="f")
    kept = await store.get(job.id)
    assert kept is not None
    assert kept.request.prompt == "a fox \ufffd in \ufffd snow 🦊"
    assert kept.spec.positive_text == kept.request.prompt


@pytest.mark.parametrize("job_id", ["gen_\x00", "gen_\ud800", "' OR 1=1 --", "", "x" * 10_000])
async def test_an_odd_id_is_simply_not_there(database: Database, job_id: str):
    assert await SqlJobStore(database=database).get(JobId(job_id)) is None


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_a_job_written_by_an_older_release_is_still_read(path: Path):
    columns = json.loads(path.read_text())
    times = {
        name: at(columns[name])
        for name in ("created_at", "updated_at", "lease_until")
        if columns[name] is not None
    }
    job = job_of(JobRow(**{**columns, **times}))
    assert job.id == columns["id"]
    assert job.request.prompt == columns["request"]["prompt"]
    assert job.spec.positive_text


def test_loras_that_an_older_release_only_named_count_as_they_were_trained():
    row = JobRow(**job_columns(a_job()), fingerprint="f")
    row.spec = {**row.spec, "adapters": ["fox", "owl"]}
    del row.spec["loras"]
    assert job_of(row).spec.loras == (LoraRef(name="fox"), LoraRef(name="owl"))
    dressed = a_job(spec=a_spec(loras=(LoraRef(name="fox", scale=0.5),)))
    assert job_of(JobRow(**job_columns(dressed), fingerprint="f")).spec == dressed.spec


def test_there_are_samples():
    assert SAMPLES


def test_a_field_that_a_newer_release_wrote_is_passed_by():
    job = a_job()
    row = JobRow(**job_columns(job), fingerprint="f")
    row.request = {**row.request, "mood": "happy"}
    row.spec = {**row.spec, "mood": "happy"}
    assert job_of(row) == job
