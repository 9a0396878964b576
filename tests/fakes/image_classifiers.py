"""A tiny image classifier as transformers saves it: the real architecture, no sense."""

from pathlib import Path

import torch
from transformers import ViTConfig, ViTForImageClassification, ViTImageProcessor

SIDE = 32


def save_tiny_classifier(
    folder: Path, labels: tuple[str, ...], *, favours: int | None = None
) -> Path:
    """Save a classifier that answers `favours` to any picture, or to each something else."""
    torch.manual_seed(7)
    config = ViTConfig(
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        image_size=SIDE,
        patch_size=16,
        id2label=dict(enumerate(labels)),
        label2id={label: place for place, label in enumerate(labels)},
    )
    model = ViTForImageClassification(config)
    with torch.no_grad():
        if favours is None:
            # So that pictures differ.
            model.classifier.weight.mul_(40)
        else:
            model.classifier.weight.zero_()
            model.classifier.bias.zero_()
            model.classifier.bias[favours] = 4.0
    model.save_pretrained(folder)
    ViTImageProcessor(size={"height": SIDE, "width": SIDE}).save_pretrained(folder)
    return folder
