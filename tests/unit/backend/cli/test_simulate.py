"""`impasto simulate`, as it is typed."""

import gzip
import json
from pathlib import Path

import pytest

from backend.cli import main

TRACE = """arrival_s,user,tier,family,gpu_s,images,adapter
0,ada,turbo,sdxl,1.0,1,
0,bob,relax,sdxl,2.0,2,cat
1,ada,fast,sdxl,1.5,1,
3,cid,relax,flux,3.0,1,
"""


@pytest.fixture
def trace(tmp_path: Path) -> Path:
    path = tmp_path / "trace.csv"
    path.write_text(TRACE)
    return path


def _json(capsys: pytest.CaptureFixture[str]) -> dict:
    return json.loads(capsys.readouterr().out)


def test_a_synthetic_trace_is_compared_under_all_policies(capsys) -> None:
    names = "ours,fifo,round_robin,strict,weighted_random"
    words = ["simulate", "--synthetic", "--jobs", "1500", "--load", "0.85"]
    assert main([*words, "--gpus", "sdxl=20,sd3=10,flux=10", "--policy", names, "--json"]) == 0
    document = _json(capsys)
    assert list(document["policies"]) == names.split(",")
    for policy in document["policies"].values():
        assert 0 < policy["jain"] <= 1
        assert list(policy["tiers"]) == ["turbo", "fast", "relax"]
        for tier in policy["tiers"].values():
            assert {
                "p50_s",
                "p95_s",
                "over_5min_share",
                "light_over_5min_share",
                "served_gpu_s",
                "share",
            } <= set(tier)
        assert sum(tier["share"] for tier in policy["tiers"].values()) == pytest.approx(1, abs=1e-3)
    assert 0 <= document["policies"]["ours"]["eta"]["p90_coverage"] <= 1
    assert document["jobs"] == 1500


def test_a_trace_is_replayed_as_it_is_without_a_load(trace: Path, capsys) -> None:
    words = ["simulate", str(trace), "--gpus", "sdxl=1,flux=1", "--policy", "fifo", "--json"]
    assert main(words) == 0
    tiers = _json(capsys)["policies"]["fifo"]["tiers"]
    assert tiers["turbo"]["p50_s"] == 0
    assert tiers["fast"]["p50_s"] == pytest.approx(2.3)
    assert tiers["relax"]["served_gpu_s"] == pytest.approx(5.3)


def test_people_get_a_table_a_page_and_the_trace(trace: Path, tmp_path: Path, capsys) -> None:
    page, written = tmp_path / "page.html", tmp_path / "written.csv"
    words = ["simulate", str(trace), "--policy", "ours,fifo", "--load", "0.5"]
    assert main([*words, "--html", str(page), "--write-trace", str(written)]) == 0
    assert "| ours | turbo | 1 |" in capsys.readouterr().out
    text = page.read_text()
    assert "<svg" in text
    assert "http" not in text
    assert len(written.read_text().splitlines()) == 5


@pytest.mark.parametrize(
    "words",
    [
        ["simulate"],
        ["simulate", "trace.csv", "--synthetic"],
        ["simulate", "--synthetic", "--load", "0"],
        ["simulate", "--synthetic", "--load", "nan"],
        ["simulate", "--synthetic", "--jobs", "0"],
        ["simulate", "--synthetic", "--gpus", "sdxl"],
        ["simulate", "--synthetic", "--gpus", "sdxl=0"],
        ["simulate", "--synthetic", "--gpus", "dalle=3"],
        ["simulate", "--synthetic", "--policy", "best"],
    ],
)
def test_what_cannot_be_simulated_is_refused_in_a_sentence(words, capsys) -> None:
    assert main([*words, "--json"]) == 2
    assert _json(capsys)["error"]["code"] == "bad_input"


def test_a_file_that_is_no_trace_is_refused(tmp_path: Path, capsys) -> None:
    path = tmp_path / "no.csv"
    path.write_bytes(b"\xff\xfe\x00")
    assert main(["simulate", str(path), "--json"]) == 2
    assert _json(capsys)["error"]["code"] == "bad_input"
    assert main(["simulate", str(tmp_path / "none.csv"), "--json"]) == 2
    error = _json(capsys)["error"]
    assert error["code"] == "bad_input"
    assert "there is no file" in error["message"]


HEADER = TRACE.splitlines()[0]
LOG_HEADER = (
    "gmt_create,groupId,num_images_per_prompt,num_inference_steps,"
    "checkpoint_model_version_id,num_lora"
)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "has no column arrival_s, user"),
        (f"{HEADER}\n", "has no requests"),
        ("user,tier,family,gpu_s,images,adapter\nu,turbo,sdxl,1,1,\n", "no column arrival_s."),
        (f"{HEADER}\nnan,u,turbo,sdxl,1,1,\n", "line 2: arrival_s must be a number"),
        (f"{HEADER}\n-1,u,turbo,sdxl,1,1,\n", "line 2: arrival_s must be a number"),
        (f"{HEADER}\n0,u,turbo,sdxl,inf,1,\n", "line 2: gpu_s must be a number"),
        (f"{HEADER}\n0,u,turbo,sdxl,-1,1,\n", "line 2: gpu_s must be a number"),
        (f"{HEADER}\n0,u,turbo,sdxl,1,-3,\n", "line 2: images must be a whole number"),
        (f"{HEADER}\n0,u,turbo,sdxl,1,1.5,\n", "line 2: images must be a whole number"),
        (f"{HEADER}\n0,u,turbo,dalle,1,1,\n", "family must be one of sdxl, sd3, flux, not 'dalle'"),
        (f"{HEADER}\n0,u,slow,sdxl,1,1,\n", "tier must be one of turbo, fast, relax, not 'slow'"),
        (f"{HEADER}\n0,,turbo,sdxl,1,1,\n", "line 2: user must not be empty"),
        (f"{HEADER}\n0,u\n", "line 2: it has not as many fields"),
        (f"{HEADER}\n0,u,turbo,sdxl,1,1,,more\n", "line 2: it has not as many fields"),
        ("gmt_create,predict_type\n2024-01-01,x\n", "has no column groupId"),
        (f"{LOG_HEADER}\n", "has no requests"),
        (f"{LOG_HEADER}\n2024-01-01 18:00:00,G,nan,30,M,0\n", "line 2: num_images_per_prompt"),
        (f"{LOG_HEADER}\n2024-01-01 18:00:00,G,-4,30,M,0\n", "line 2: num_images_per_prompt"),
        (f"{LOG_HEADER}\nnever,G,4,30,M,0\n", "line 2: gmt_create must be a date"),
        (f"{LOG_HEADER}\n2024-01-01 05:00:00,G,4,30,M,0\n", "no requests in its busiest hours"),
    ],
)
def test_a_bad_trace_is_refused_in_one_sentence(text, complaint, tmp_path: Path, capsys) -> None:
    path = tmp_path / "trace.csv"
    path.write_text(text)
    assert main(["simulate", str(path)]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert complaint in told.err
    assert len(told.err.strip().splitlines()) == 1


@pytest.mark.parametrize(
    "content",
    [TRACE.encode(), gzip.compress(TRACE.encode(), mtime=0)[:40]],
    ids=["not packed", "cut off"],
)
def test_a_broken_archive_is_refused_in_one_sentence(content, tmp_path: Path, capsys) -> None:
    path = tmp_path / "log.csv.gz"
    path.write_bytes(content)
    assert main(["simulate", str(path)]) == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 1


def test_a_field_without_end_is_refused_in_one_sentence(trace: Path, capsys) -> None:
    trace.write_text(TRACE + "x" * 200_000)
    assert main(["simulate", str(trace)]) == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 1


def test_a_trace_from_a_spreadsheet_is_read(trace: Path, capsys) -> None:
    trace.write_text(TRACE, encoding="utf-8-sig")
    assert main(["simulate", str(trace), "--policy", "fifo", "--json"]) == 0
    assert _json(capsys)["jobs"] == 4


def test_a_trace_of_other_families_is_refused(trace: Path, capsys) -> None:
    assert main(["simulate", str(trace), "--gpus", "sd3=1", "--json"]) == 2
    assert _json(capsys)["error"]["code"] == "bad_input"
