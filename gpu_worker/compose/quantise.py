"""Loads the large network in fewer bits, by the operator's word; all else stays as it is."""

from importlib.util import find_spec
from typing import Literal, assert_never

import torch

from backend.contracts import ModelFamily
from gpu_worker.family import DiffusersPart
from gpu_worker.state import ModelNotConfigured

QuantiseChoice = Literal["none", "nf4", "int8", "fp8"]


def quantisation_of(
    choice: QuantiseChoice, *, family: ModelFamily, dtype: torch.dtype
) -> DiffusersPart | None:
    """Return what a pipeline's loading is told to quantise, computing in `dtype`; None for nothing.

    Raises:
        ModelNotConfigured: the library that does it is not installed; the sentence names it.

    """
    match choice:
        case "none":
            return None
        case "nf4":
            _require("bitsandbytes", choice)
            from diffusers import BitsAndBytesConfig

            config = BitsAndBytesConfig(
                load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=dtype
            )
        case "int8":
            _require("bitsandbytes", choice)
            from diffusers import BitsAndBytesConfig

            config = BitsAndBytesConfig(load_in_8bit=True)
        case "fp8":
            _require("torchao", choice)
            from diffusers import TorchAoConfig
            from torchao.quantization import Float8WeightOnlyConfig

            config = TorchAoConfig(Float8WeightOnlyConfig())
        case _:
            assert_never(choice)
    from diffusers import PipelineQuantizationConfig

    network = "unet" if family is ModelFamily.SDXL else "transformer"
    return PipelineQuantizationConfig(quant_mapping={network: config})


def _require(library: str, choice: str) -> None:
    if find_spec(library) is None:
        raise ModelNotConfigured(
            f"IMPASTO_QUANTISE={choice} needs the package {library}, which is not installed here."
        )
