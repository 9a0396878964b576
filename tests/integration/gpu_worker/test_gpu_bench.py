"""The script that measures on a GPU runs from end to end, on tiny models and a CPU."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

from tests.architecture.house import ROOT


def test_the_gpu_script_measures_everything_on_tiny_models(tmp_path: Path):
    table = tmp_path / "gpu.md"
    ran = subprocess.run(  # noqa: S603 - our own interpreter and script
        [sys.executable, "bench/gpu.py", "--tiny", "--rounds", "1", "--target", str(table)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=170,
    )
    assert ran.returncode == 0, ran.stderr
    found = json.loads(table.with_suffix(".json").read_text())
    assert set(found["workloads"]) == {"sdxl", "flux-dev", "flux-schnell", "sd3"}
    for one in found["workloads"].values():
        assert set(one["spent_s"]) == {"diffusers", "diffusers, compiled", "ours, bf16"}
        assert all(len(spent_s) == 2 for spent_s in one["spent_s"].values())
        assert one["tera_flops"] > 0
        assert one["lora"]["recompiled"] == 0
        assert one["overtaking"]["relax_steps_before"] <= 1
        assert set(one["in_flight"]) == {"1", "2", "4", "8"}
    text = table.read_text()
    assert "these figures mean nothing" in text
    assert len(re.findall(r"^\| ours, fp8 \| not measured: no GPU", text, re.M)) == 4
