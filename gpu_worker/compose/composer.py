"""Loads the base model a worker draws with, once, onto its device."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Literal, assert_never

import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from backend.contracts import FAMILY_SAMPLERS, ModelFamily
from backend.contracts import Sampler as SamplerName
from gpu_worker.compose.image_prompts import load_image_prompts
from gpu_worker.compose.model_files import (
    check_model_folder,
    find_absent,
    is_hub_id,
    read_class_name,
    read_sidecar,
)
from gpu_worker.compose.quantise import QuantiseChoice, quantisation_of
from gpu_worker.family import DiffusersPart, LoadedModel, ModelDefaults, PictureReader
from gpu_worker.state import ModelBroken, ModelMissing
from gpu_worker.vram.probe import give_back_memory, is_out_of_memory
from gpu_worker.vram.recovery import Portion, Recovery, Stage

ONE_THREAD_WEIGHTS = 100_000_000

DeviceChoice = Literal["auto", "cpu", "cuda"]
DtypeChoice = Literal["auto", "float32", "bfloat16", "float16"]


class _Sidecar(BaseModel):
    """`impasto.json` beside a model: what it likes to be drawn with."""

    model_config = ConfigDict(extra="ignore", frozen=True)
    steps: int | None = Field(default=None, ge=1)
    guidance: float | None = Field(default=None, ge=0)
    sampler: SamplerName | None = None
    display_scale: int | None = Field(default=None, ge=1, le=8)
    # A name, never a path: a model folder must not choose what the worker reads elsewhere.
    upscaler: str | None = Field(default=None, pattern=r"^\w[\w.-]*$")
    draws_parts: bool | None = None
    preview: str | None = Field(default=None, pattern=r"^\w[\w.-]*$")


def choose_device(choice: DeviceChoice) -> torch.device:
    """Return the device to draw on; `auto` takes CUDA where there is some."""
    match choice:
        case "auto":
            return torch.device("cuda" if torch.cuda.is_available() else "cpu")
        case "cpu" | "cuda":
            return torch.device(choice)
        case _:
            assert_never(choice)


def choose_dtype(choice: DtypeChoice, device: torch.device) -> torch.dtype:
    """Return the type weights are held in; `auto` is bfloat16 on CUDA and float32 elsewhere."""
    match choice:
        case "auto":
            return torch.bfloat16 if device.type == "cuda" else torch.float32
        case "float32":
            return torch.float32
        case "bfloat16":
            return torch.bfloat16
        case "float16":
            return torch.float16
        case _:
            assert_never(choice)


def load_model(
    family: ModelFamily,
    source: str,
    *,
    device: DeviceChoice,
    dtype: DtypeChoice,
    quantise: QuantiseChoice = "none",
    recovery: Recovery | None = None,
) -> LoadedModel:
    """Load a family's pipeline from a diffusers folder or a hub id, twice if memory runs out.

    Raises:
        ModelNotConfigured: it is to be quantised, and the library for it is not there.
        ModelMissing, ModelBroken: there is nothing to load, or it does not load.
        OutOfMemory: it does not fit.

    """
    is_local = not is_hub_id(source)
    said = _Sidecar()
    if is_local:
        folder = Path(source).expanduser()
        check_model_folder(folder)
        _check_family(folder, family)
        said = _read_sidecar(folder, family)
        source = str(folder)
    chosen_device = choose_device(device)
    chosen_dtype = choose_dtype(dtype, chosen_device)
    options: dict[str, object] = {}
    if (quantisation := quantisation_of(quantise, family=family, dtype=chosen_dtype)) is not None:
        options["quantization_config"] = quantisation

    def load(_portion: Portion) -> DiffusersPart:
        loaded = _load_pipeline(
            family, source, dtype=chosen_dtype, is_local=is_local, options=options
        )
        return loaded.to(chosen_device)

    recovery = recovery or Recovery(free=give_back_memory)
    pipeline = recovery.run(Stage.LOAD, load, what=f"The model of {family}")
    defaults = replace(_usual_defaults(family, pipeline), **said.model_dump(exclude_none=True))
    return LoadedModel(
        pipeline=pipeline,
        defaults=defaults,
        device=chosen_device,
        dtype=chosen_dtype,
        image_prompts=_load_image_prompts(family, pipeline, Path(source) if is_local else None),
    )


def _load_image_prompts(
    family: ModelFamily, pipeline: DiffusersPart, folder: Path | None
) -> PictureReader | None:
    if family is not ModelFamily.SDXL or folder is None:
        return None
    return load_image_prompts(pipeline, folder, device=pipeline.device, dtype=pipeline.unet.dtype)


def choose_threads(model: LoadedModel) -> int:
    """Return how many CPU threads to draw with: one for a small model, else torch's own choice.

    The steps of a small model are shorter than waking a second thread: 20 steps of 2 million
    weights took 0.13 s on one thread, 0.43 s on two that sleep, and 20 s on two that spin beside a
    busy core.
    """
    parts = getattr(model.pipeline, "components", {}).values()
    weights = sum(
        tensor.numel()
        for part in parts
        if isinstance(part, torch.nn.Module)
        for tensor in part.parameters()
    )
    if model.device.type == "cpu" and weights < ONE_THREAD_WEIGHTS:
        return 1
    return torch.get_num_threads()


def settle_numbers(threads: int) -> None:
    """Draw with so many CPU threads, and with the same numbers again for the same picture."""
    torch.set_num_threads(threads)
    torch.backends.cudnn.deterministic = True


def _load_pipeline(
    family: ModelFamily,
    source: str,
    *,
    dtype: torch.dtype,
    is_local: bool,
    options: Mapping[str, object],
) -> DiffusersPart:
    from diffusers.utils.logging import disable_progress_bar

    disable_progress_bar()
    options = dict(options)
    if family is ModelFamily.SDXL:
        options["add_watermarker"] = False
    if is_local:
        # diffusers misses a part it knows as required, even where the index says there is none.
        options |= dict.fromkeys(find_absent(Path(source)))
    try:
        return _pipeline_class(family).from_pretrained(
            source,
            dtype=dtype,
            # A hub download may hold pickles too; without this diffusers would fall back to them.
            use_safetensors=True,
            local_files_only=is_local,
            **options,
        )
    except Exception as error:
        # Whatever the three libraries raise over odd files is the model's fault, except memory.
        if is_out_of_memory(error):
            raise
        if not is_local and isinstance(error, OSError):
            raise ModelMissing(
                f"{source} is neither a folder here nor a model the hub gave us."
            ) from error
        raise ModelBroken(f"{source} could not be loaded ({type(error).__name__}).") from error


def _pipeline_class(family: ModelFamily) -> DiffusersPart:
    match family:
        case ModelFamily.SDXL:
            from diffusers import StableDiffusionXLPipeline

            return StableDiffusionXLPipeline
        case ModelFamily.SD3:
            from diffusers import StableDiffusion3Pipeline

            return StableDiffusion3Pipeline
        case ModelFamily.FLUX:
            from diffusers import FluxPipeline

            return FluxPipeline
        case _:
            assert_never(family)


def _check_family(folder: Path, family: ModelFamily) -> None:
    """Refuse a folder of another family, which would load halfway and fail as a riddle."""
    found = read_class_name(folder)
    match family:
        case ModelFamily.SDXL:
            wanted = "StableDiffusionXL"
        case ModelFamily.SD3:
            wanted = "StableDiffusion3"
        case ModelFamily.FLUX:
            wanted = "Flux"
        case _:
            assert_never(family)
    if not found.startswith(wanted):
        raise ModelBroken(f"{folder} holds {found or 'no pipeline'}, and {family} is {wanted}….")


def _usual_defaults(family: ModelFamily, pipeline: DiffusersPart) -> ModelDefaults:
    """Return what a family's released models are drawn with; a sidecar overrules it."""
    match family:
        case ModelFamily.SDXL:
            return ModelDefaults(steps=30, guidance=7.0, sampler=SamplerName.EULER_A)
        case ModelFamily.SD3:
            return ModelDefaults(steps=28, guidance=4.5, sampler=SamplerName.FLOW_EULER)
        case ModelFamily.FLUX if pipeline.transformer.config.guidance_embeds:
            return ModelDefaults(steps=28, guidance=3.5, sampler=SamplerName.FLOW_EULER)
        case ModelFamily.FLUX:
            # As FLUX.1 [schnell], which is distilled to four steps and spoilt by guidance.
            return ModelDefaults(steps=4, guidance=1.0, sampler=SamplerName.FLOW_EULER)
        case _:
            assert_never(family)


def _read_sidecar(folder: Path, family: ModelFamily) -> _Sidecar:
    try:
        sidecar = _Sidecar.model_validate(read_sidecar(folder))
    except ValidationError as error:
        fields = ", ".join(str(issue["loc"][0]) for issue in error.errors())
        raise ModelBroken(f"{folder / 'impasto.json'} has bad values for: {fields}.") from error
    if sidecar.sampler is not None and sidecar.sampler not in FAMILY_SAMPLERS[family]:
        raise ModelBroken(f"{folder / 'impasto.json'} has bad values for: sampler.")
    return sidecar
