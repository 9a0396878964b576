"""A worker's parts over a tiny real model."""

import shutil
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch

from backend.contracts import ModelFamily, RenderJob, Tier
from gpu_worker.compose.composer import load_model
from gpu_worker.families import open_family
from gpu_worker.family import Family, LoadedModel
from gpu_worker.render.drawing import Drawing
from gpu_worker.render.painting import Painting
from gpu_worker.render.pipeline import Renderer
from gpu_worker.samplers import open_sampler
from tests.fakes.models import (  # noqa: F401 - fixtures
    tiny_flux,
    tiny_flux_plain,
    tiny_sd3,
    tiny_sdxl,
)

# diffusers hands tensors to np.array; torch's __array__ does not know numpy 2's copy keyword yet.
TORCH_ARRAY = "ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.filterwarnings(TORCH_ARRAY))


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> Iterator[None]:
    """As a worker takes for a model of this size; every engine's thread would wake others."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


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
def loaded_sd3(tiny_sd3: Path) -> LoadedModel:  # noqa: F811 - the fixture
    return load_model(ModelFamily.SD3, str(tiny_sd3), device="cpu", dtype="float32")


@pytest.fixture(scope="session")
def loaded_flux(tiny_flux: Path) -> LoadedModel:  # noqa: F811 - the fixture
    return load_model(ModelFamily.FLUX, str(tiny_flux), device="cpu", dtype="float32")


@pytest.fixture(scope="session")
def loaded_flux_plain(tiny_flux_plain: Path) -> LoadedModel:  # noqa: F811 - the fixture
    return load_model(ModelFamily.FLUX, str(tiny_flux_plain), device="cpu", dtype="float32")


@pytest.fixture(scope="session")
def loaded(
    loaded_sdxl: LoadedModel, loaded_sd3: LoadedModel, loaded_flux: LoadedModel
) -> Mapping[ModelFamily, LoadedModel]:
    """One small model of each family."""
    return {
        ModelFamily.SDXL: loaded_sdxl,
        ModelFamily.SD3: loaded_sd3,
        ModelFamily.FLUX: loaded_flux,
    }


@pytest.fixture(scope="session")
def sdxl(loaded_sdxl: LoadedModel) -> Family:
    return open_family(ModelFamily.SDXL, loaded_sdxl)


def open_renderer(family: Family, **parts: Any) -> Renderer:
    return Renderer(
        family=family,
        open_sampler=partial(
            open_sampler, family=family.name, scheduler_config=family.scheduler_config
        ),
        **parts,
    )


@pytest.fixture
def renderer(sdxl: Family) -> Renderer:
    return open_renderer(sdxl)


@pytest.fixture
def latents(monkeypatch: pytest.MonkeyPatch) -> list[torch.Tensor]:
    """Collects what renderers begin to decode, once for each job."""
    seen: list[torch.Tensor] = []
    finish = Renderer.finish

    def spy(renderer: Renderer, run: Painting) -> Drawing | None:
        if not run.pictures:
            seen.append(run.latents)
        return finish(renderer, run)

    monkeypatch.setattr(Renderer, "finish", spy)
    return seen


@pytest.fixture
def copy_of_tiny_sdxl(tiny_sdxl: Path, tmp_path: Path) -> Callable[[], Path]:  # noqa: F811 - the fixture
    """Returns a function that makes a copy of the model to be broken."""

    def copy() -> Path:
        return Path(shutil.copytree(tiny_sdxl, tmp_path / "model"))

    return copy
