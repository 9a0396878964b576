"""What each family would be drawn with: what `models list` shows and `doctor` judges."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from backend.cli.stack import model_setting
from backend.domain.families import ModelFamily
from backend.models.folders import (
    BadModelFolder,
    FolderFacts,
    ModelFacts,
    is_hub_id,
    read_adapter,
    read_model,
)
from backend.models.starters import starter_model, starters_folder
from backend.settings import Settings

# The starters' other companions (upscaler, preview decoder, judge) are no choice of anyone's.
COMPANION_KINDS: Final = ("lora", "controlnet")


@dataclass(frozen=True, kw_only=True)
class ModelReport:
    """What a family would be drawn with; `folder` is None for a hub id and where nothing is."""

    family: ModelFamily
    is_served: bool
    configured: str | None
    folder: Path | None
    is_starter: bool
    facts: ModelFacts | None = None
    problem: str = ""

    @property
    def setting(self) -> str:
        """The variable that chooses this family's model."""
        return model_setting(self.family)

    @property
    def is_hub_id(self) -> bool:
        """Whether the worker fetches the model from the hub."""
        return self.configured is not None and self.folder is None

    @property
    def fix(self) -> str:
        """What to do about the problem."""
        if self.configured is None and self.folder is None:
            remedy = f"or take {self.family} out of IMPASTO_FAMILIES."
            return f"Set {self.setting} to a diffusers folder or a hub id, {remedy}"
        if self.configured is None:
            return f"Install Impasto again, or set {self.setting}."
        return f"{self.setting} must name a diffusers folder that is complete, or a hub id."


@dataclass(frozen=True, kw_only=True)
class CompanionReport:
    """A LoRA or ControlNet that ships beside the starter models."""

    kind: str
    folder: Path
    facts: FolderFacts | None = None
    problem: str = ""


def look_at_models(settings: Settings) -> Iterator[ModelReport]:
    """Look at every family, whether it is served or not."""
    return (look_at(settings, family) for family in ModelFamily)


def look_at(settings: Settings, family: ModelFamily) -> ModelReport:
    """Look at what one family would be drawn with."""
    configured, starter = settings.model_source(family), starter_model(family)
    is_served = family in settings.families
    if configured is None:
        folder = starter
    else:
        folder = None if is_hub_id(configured) else Path(configured).expanduser()
    facts, problem = None, ""
    if folder is not None:
        try:
            facts = read_model(folder, family)
        except (BadModelFolder, OSError) as error:
            problem = str(error)
    elif configured is None and is_served:
        problem = f"No model is configured for {family}."
    return ModelReport(
        family=family,
        is_served=is_served,
        configured=configured,
        folder=folder,
        is_starter=folder is not None and starter is not None and folder.absolute() == starter,
        facts=facts,
        problem=problem,
    )


def look_at_companions() -> Iterator[CompanionReport]:
    """Look at the LoRAs and ControlNets that ship beside the starter models."""
    starters = starters_folder()
    for folder in sorted(starters.iterdir()) if starters and starters.is_dir() else ():
        kind = folder.name.partition("-")[0]
        if kind not in COMPANION_KINDS or not folder.is_dir():
            continue
        try:
            facts, problem = read_adapter(folder), ""
        except (BadModelFolder, OSError) as error:
            facts, problem = None, str(error)
        yield CompanionReport(kind=kind, folder=folder, facts=facts, problem=problem)
