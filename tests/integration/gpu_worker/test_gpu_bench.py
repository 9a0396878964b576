"""The script that measures on a GPU runs from end to end, on tiny models and a CPU."""

import json
import os
import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest
import torch

from gpu_worker.families import open_family
from tests.architecture.house import ROOT

# In thousand millions of weights, as published: network, and text encoders together.
PUBLISHED = {"sdxl": (2.57, 0.82), "flux-dev": (11.9, 4.88), "sd3": (2.03, 5.58)}


def test_the_gpu_script_measures_everything_on_tiny_models(tmp_path: Path):
    # The other two families' ways are the same; all four take a minute of one core and a half.
    chosen = ["--only", "sdxl", "--only", "flux-schnell"]
    table = tmp_path / "gpu.md"
    ran = subprocess.run(  # noqa: S603 - our own interpreter and script
        [
            sys.executable,
            "bench/gpu.py",
            "--tiny",
            "--rounds",
            "1",
            *chosen,
            "--target",
            str(table),
        ],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    assert ran.returncode == 0, ran.stderr
    found = json.loads(table.with_suffix(".json").read_text())
    assert set(found["workloads"]) == {"sdxl", "flux-schnell"}
    for one in found["workloads"].values():
        assert set(one["spent_s"]) == {"diffusers", "diffusers, compiled", "ours, bf16"}
        assert all(len(spent_s) == 2 for spent_s in one["spent_s"].values())
        assert one["tera_flops"] > 0
        assert one["lora"]["recompiled"] == 0
        assert one["overtaking"]["relax_steps_before"] <= 1
        assert set(one["in_flight"]) == {"1", "2", "4", "8"}
    text = table.read_text()
    assert "these figures mean nothing" in text
    assert len(re.findall(r"^\| ours, fp8 \| not measured: no GPU", text, re.M)) == 2


@pytest.mark.parametrize("key", PUBLISHED)
def test_full_size_models_have_as_many_weights_as_the_published_ones(
    monkeypatch: pytest.MonkeyPatch, key: str
):
    monkeypatch.syspath_prepend(ROOT / "bench")
    gpu_models = import_module("gpu_models")
    # On this device tensors have shapes and no numbers.
    model = gpu_models.open_full(gpu_models.WORKLOADS[key], torch.device("meta"))
    sizes = {
        name: sum(tensor.numel() for tensor in part.parameters()) / 1e9
        for name, part in model.pipeline.components.items()
        if isinstance(part, torch.nn.Module)
    }
    network = sizes["unet"] if key == "sdxl" else sizes["transformer"]
    encoders = sum(size for name, size in sizes.items() if name.startswith("text_encoder"))
    assert (network, encoders) == pytest.approx(PUBLISHED[key], rel=0.01)
    family = open_family(gpu_models.WORKLOADS[key].family, model)
    assert family.native_side == 1024
    assert [max(encoder.lengths) for encoder in family.encoders] == {
        "sdxl": [77, 77],
        "flux-dev": [77, 512],
        "sd3": [77, 77, 512],
    }[key]
