"""A worker's parts over a tiny real model."""

import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from backend.contracts import ModelFamily, RenderJob, Tier
from gpu_worker.compose.composer import load_model
from gpu_worker.families import open_family
from gpu_worker.family import Family, LoadedModel
from gpu_worker.render.pipeline import Renderer
from gpu_worker.samplers import open_sampler
from tests.fakes.models import tiny_sdxl  # noqa: F401 - a fixture

# diffusers hands tensors to np.array; torch's __array__ does not know numpy 2's copy keyword yet.
TORCH_ARRAY = "ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.filterwarnings(TORCH_ARRAY))


def a_render_job(**fields: Any) -> RenderJob:
    return RenderJob.model_validate(
        {
            "job_id": "gen_1",
            "attempt": 1,
            "family": ModelFamily.SDXL,
            "tier": Tier.FAST,
            "prompt": "a fox in the snow",
            "seed": 7,
            "image_count": 1,
            "steps": 4,
            **fields,
        }
    )


@pytest.fixture(scope="session")
def loaded_sdxl(tiny_sdxl: Path) -> LoadedModel:  # noqa: F811 - the fixture
    return load_model(ModelFamily.SDXL, str(tiny_sdxl), device="cpu", dtype="float32")


@pytest.fixture(scope="session")
def sdxl(loaded_sdxl: LoadedModel) -> Family:
    return open_family(ModelFamily.SDXL, loaded_sdxl)


@pytest.fixture
def renderer(sdxl: Family) -> Renderer:
    return Renderer(
        family=sdxl,
        open_sampler=partial(
            open_sampler, family=ModelFamily.SDXL, scheduler_config=sdxl.scheduler_config
        ),
    )


@pytest.fixture
def copy_of_tiny_sdxl(tiny_sdxl: Path, tmp_path: Path) -> Callable[[], Path]:  # noqa: F811 - the fixture
    """Returns a function that makes a copy of the model to be broken."""

    def copy() -> Path:
        return Path(shutil.copytree(tiny_sdxl, tmp_path / "model"))

    return copy
