"""Tells what this worker draws by: the model by content, the device, the libraries."""

from collections.abc import Callable, Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

import structlog
import torch

from backend.contracts import DrawnBy, RecipeFile, RenderJob
from gpu_worker.compose.digests import FileDigests
from gpu_worker.compose.model_files import is_hub_id
from gpu_worker.compose.signing import SignedDecoder
from gpu_worker.family import LoadedModel, ModelDefaults

_LIBRARIES: Final = ("torch", "diffusers", "transformers")
_QUANTISERS: Final = {
    "nf4": ("bitsandbytes",),
    "int8": ("bitsandbytes",),
    "fp8": ("torchao",),
}

_log = structlog.get_logger(__name__)


def tell_drawn_by(
    model: LoadedModel, source: str, *, digests: FileDigests, quantise: str = "none"
) -> DrawnBy:
    """Say what a loaded model's pictures are drawn by; on the thread that draws them."""
    libraries = (*_LIBRARIES, *_QUANTISERS.get(quantise, ()))
    return DrawnBy(
        model=source if is_hub_id(source) else Path(source).expanduser().name,
        model_sha256=_digest(source, digests),
        device=_name_device(model.device),
        dtype=str(model.dtype).removeprefix("torch."),
        threads=torch.get_num_threads() if model.device.type == "cpu" else 1,
        quantise=quantise,
        engine=_version_of("impasto"),
        libraries={name: _version_of(name) for name in libraries},
    )


class UsedFiles:
    """Names by content the weights beside the model that a job's pictures pass through."""

    def __init__(
        self,
        *,
        digests: FileDigests,
        upscaler: Path | None,
        decoder: RecipeFile | None = None,
        find_lora: Callable[[str], Path],
        find_controlnet: Callable[[str], Path],
    ) -> None:
        self._digests = digests
        self._upscaler = upscaler
        self._decoders = () if decoder is None else (decoder,)
        self._find_lora = find_lora
        self._find_controlnet = find_controlnet

    def __call__(self, job: RenderJob) -> tuple[RecipeFile, ...]:
        """Return what a job is drawn with; files that are new here are read.

        Raises:
            RenderError: one is not there.

        """
        return (*self._loras(job), *self._controlnets(job), *self._upscalers(), *self._decoders)

    def _loras(self, job: RenderJob) -> Iterator[RecipeFile]:
        for use in job.outfit:
            sha256 = self._digests.of_file(self._find_lora(use.name))
            yield RecipeFile(role="lora", name=use.name, sha256=sha256, scale=use.scale)

    def _controlnets(self, job: RenderJob) -> Iterator[RecipeFile]:
        for use in job.controls:
            sha256 = self._digests.of_folder(self._find_controlnet(use.name))
            yield RecipeFile(role="controlnet", name=use.name, sha256=sha256, scale=use.scale)

    def _upscalers(self) -> Iterator[RecipeFile]:
        if self._upscaler is not None:
            sha256 = self._digests.of_file(self._upscaler)
            yield RecipeFile(role="upscaler", name=self._upscaler.stem, sha256=sha256)


def tell_decoder(decoder: SignedDecoder, *, digests: FileDigests) -> RecipeFile:
    """Name the decoder that was laid over a model's own; as long as its file is what was loaded."""
    return RecipeFile(role="decoder", name=decoder.number, sha256=digests.of_file(decoder.path))


def find_upscaler(folder: Path, defaults: ModelDefaults) -> Path | None:
    """Return the file that enlarges a model's pictures; None for a model that needs none."""
    if defaults.display_scale == 1:
        return None
    return folder / f"{defaults.upscaler or f'x{defaults.display_scale}'}.safetensors"


def _digest(source: str, digests: FileDigests) -> str:
    """Return the digest of the model's files; "" if they cannot be read where they should be."""
    try:
        if not is_hub_id(source):
            return digests.of_folder(Path(source).expanduser())
        from huggingface_hub import snapshot_download

        return digests.of_folder(Path(snapshot_download(source, local_files_only=True)))
    except Exception as error:  # noqa: BLE001 - the hub's client raises many; the model is loaded and draws
        _log.warning("model_not_digested", reason=type(error).__name__)
        return ""


def _name_device(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else str(device)


def _version_of(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""
