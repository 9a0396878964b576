"""Flow matching, as both small transformers learn it (Lipman et al. 2022; Esser et al. 2024)."""

import math
from collections.abc import Callable
from random import Random

import torch
from torch import nn
from torch.nn import functional

from gpu_worker.starter.student import draw_noise

Predict = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]

_LONG_SHARE = 0.03
# Outlines are decided early, where there is more noise than picture.
_LOGIT_MEAN, _LOGIT_SPREAD = 0.4, 1.0


def flow_loss(latents: torch.Tensor, random: Random, predict: Predict) -> torch.Tensor:
    """Return the flow's squared error: noise minus latents, at logit-normal times in 0..1."""
    noise = draw_noise(latents, random)
    times = draw_times(latents, random)
    share = times.view(-1, 1, 1, 1)
    predicted = predict((1 - share) * latents + share * noise, times)
    return functional.mse_loss(predicted.float(), noise - latents)


def draw_times(latents: torch.Tensor, random: Random) -> torch.Tensor:
    """Return a time for each picture, 0 being the picture and 1 the noise."""
    drawn = [random.gauss(_LOGIT_MEAN, _LOGIT_SPREAD) for _ in range(len(latents))]
    return torch.tensor([1 / (1 + math.exp(-one)) for one in drawn], device=latents.device)


def draw_length(random: Random, usual: int, longest: int) -> int:
    """Return how many T5 tokens to read: now and then as many as a stock pipeline's default."""
    return longest if random.random() < _LONG_SHARE else usual


def start_quietly(transformer: nn.Module) -> None:
    """Let each block begin as nothing, and the output too (adaLN-Zero; Peebles and Xie 2022)."""
    for name, module in transformer.named_modules():
        is_gate = isinstance(module, nn.Linear) and ".norm" in name and name.endswith(".linear")
        if is_gate or name == "proj_out":
            for weight in module.parameters():
                nn.init.zeros_(weight)
