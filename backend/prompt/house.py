"""What is a workshop's own in the language of prompts: style presets, versions, its taste.

A data file of the deployment; one ships.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict, ValidationError

from backend.domain.errors import BadInput, InvalidParameter
from backend.domain.families import ModelFamily
from backend.domain.prompts import WeightedPart
from backend.prompt.parameters import read_negative
from backend.prompt.split import Given, split
from backend.prompt.typed import clean
from backend.prompt.words import read_words

SHIPPED: Final = Path(__file__).parent / "house.toml"
STYLIZE_WEIGHT_MAX: Final = 0.6
STYLIZE_MAX: Final = 1000


class BadHouse(Exception):
    """A file of presets that cannot be used; the message says which entry and why."""


@dataclass(frozen=True, kw_only=True)
class Preset:
    """A style: words that follow the prompt, what to leave out, parameters to fall back on."""

    words: str = ""
    negative: tuple[WeightedPart, ...] = ()
    given: tuple[Given, ...] = ()


@dataclass(frozen=True, kw_only=True)
class House:
    """All of it. Names of styles and versions are in lower case."""

    aesthetic: str = ""
    versions: Mapping[str, ModelFamily] = field(default_factory=dict)
    styles: Mapping[str, Preset] = field(default_factory=dict)

    def style(self, name: str) -> Preset:
        """Return a preset.

        Raises:
            InvalidParameter: there is none of that name.

        """
        preset = self.styles.get(name)
        if preset is None:
            raise _not_known("style", name, ("raw", *self.styles))
        return preset

    def family_of(self, version: str) -> ModelFamily:
        """Return which family draws what is asked for by a version.

        Raises:
            InvalidParameter: nobody set one.

        """
        family = self.versions.get(version)
        if family is None:
            name = "niji" if version.startswith("niji") else "version"
            known = [one for one in self.versions if one.startswith("niji") == (name == "niji")]
            raise _not_known(name, version, [one.removeprefix("niji ") for one in known])
        return family

    def taste(self, stylize: int) -> tuple[WeightedPart, ...]:
        """Return the workshop's style as a part to mix in, weighing more the more is asked for."""
        if stylize == 0 or not self.aesthetic:
            return ()
        weight = STYLIZE_WEIGHT_MAX * stylize / STYLIZE_MAX
        part = WeightedPart.plain(self.aesthetic)
        return (WeightedPart(terms=part.terms, weight=round(weight, 4)),)


class _PresetIn(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    words: str = ""
    negative: str = ""
    parameters: str = ""


class _HouseIn(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    aesthetic: str = ""
    versions: dict[str, ModelFamily] = {}
    styles: dict[str, _PresetIn] = {}


def open_house(path: Path = SHIPPED) -> House:
    """Read a file of presets.

    Raises:
        BadHouse: it is missing, or something in it cannot be used.

    """
    try:
        read = _HouseIn.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        why = error.errors()[0]["msg"] if isinstance(error, ValidationError) else str(error)
        raise BadHouse(f"{path} cannot be used: {why}") from error
    return House(
        aesthetic=clean(read.aesthetic).text,
        versions={name.casefold(): family for name, family in read.versions.items()},
        styles={
            name.casefold(): _open_preset(path, name, preset)
            for name, preset in read.styles.items()
        },
    )


@cache
def shipped_house() -> House:
    """Return what ships, for deployments that have no file of their own."""
    return open_house()


def _open_preset(path: Path, name: str, preset: _PresetIn) -> Preset:
    try:
        parameters = split(clean(preset.parameters))
        if parameters.words.text or len(read_words(clean(preset.words)).parts) > 1:
            raise BadHouse(f"{path}: the style {name} has words where they do not belong.")
        return Preset(
            words=clean(preset.words).text,
            negative=read_negative(clean(preset.negative)),
            given=parameters.given,
        )
    except BadInput as error:
        raise BadHouse(f"{path}: the style {name} cannot be read: {error.message}") from error


def _not_known(name: str, value: str, known: tuple[str, ...] | list[str]) -> InvalidParameter:
    error = InvalidParameter(name=name, expected=f"one of {', '.join(known) or 'none here'}")
    nearest = get_close_matches(value[:64].removeprefix("niji "), known, n=1)
    if nearest:
        error.way_out = f"Did you mean --{name} {nearest[0]}?"
    return error
