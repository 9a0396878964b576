"""Classifier-free guidance: away from the negative prompt, toward the prompt."""

from dataclasses import dataclass

import torch


@dataclass(frozen=True, kw_only=True)
class Guidance:
    """How hard to pull toward the prompt; 1 or less does not look at the negative prompt."""

    scale: float
    is_left_to_network: bool = False  # a distilled one is told the scale and looks once

    @property
    def is_used(self) -> bool:
        """Tell whether the network must see both prompts."""
        return self.scale > 1 and not self.is_left_to_network

    def widen(self, latents: torch.Tensor) -> torch.Tensor:
        """Return the rows the network sees, [pictures or twice that, …]: negatives first."""
        return torch.cat([latents, latents]) if self.is_used else latents

    def combine(self, noise: torch.Tensor) -> torch.Tensor:
        """Fold the network's rows back to one for each picture."""
        if not self.is_used:
            return noise
        away, toward = noise.chunk(2)
        return away + self.scale * (toward - away)
