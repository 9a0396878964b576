"""What a job will cost in GPU-seconds: a first guess by size, corrected by what was measured.

Medians over a few recent measurements: one hung kernel moves nothing, a new driver is believed
after a handful of jobs. What is learned of one kind of job scales the guess for kinds not yet seen.
"""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil, exp, log
from statistics import median
from typing import Any, Final

from backend.domain.families import ModelFamily
from backend.domain.prompts import Mode, PromptSpec

# Seconds for one picture of 1024 x 1024 in 30 steps on a data centre's GPU: published medians.
PICTURE_S: Final = {ModelFamily.SDXL: 0.9, ModelFamily.SD3: 1.05, ModelFamily.FLUX: 3.3}
# Seconds to make a picture larger, for 1024 x 1024 of its new pixels.
ENLARGING_S: Final = 0.15
FIXED_S: Final = 0.05
ADAPTER_S: Final = 0.05
# Seconds to read a picture that is looked at beside the words.
PICTURE_READ_S: Final = 0.03
# A ControlNet is about half a network, and is asked at every step.
CONTROL_PART: Final = 0.4
STEPS_USUAL: Final = 30
PIXELS_USUAL: Final = 1024 * 1024
RECENT_OF_KIND: Final = 15
RECENT_OF_FAMILY: Final = 63
# From so many measurements on, a kind of job is judged by its own alone.
TRUSTED: Final = 5
KINDS_MAX: Final = 1000
COST_MIN_S: Final = 1e-3
COST_MAX_S: Final = 3600.0
# Of these, what is delivered is as large as any picture of its ratio.
_PLAIN_MODES: Final = frozenset({Mode.TEXT, Mode.IMAGE, Mode.INPAINT})
# How measured times lie around predicted ones, before any were measured.
SPREAD_UNKNOWN: Final = (0.8, 0.95, 1.0, 1.05, 1.3)


@dataclass(frozen=True, kw_only=True, slots=True)
class JobKind:
    """What a job's time depends on; `adapters` is how many LoRAs it uses.

    `pictures` are looked at beside the words, and as many ControlNets as `controls` steer.
    `steps` are those that are taken: fewer where a picture is started from, none where one is only
    made larger.
    """

    family: ModelFamily
    pixels: int = PIXELS_USUAL
    steps: int = STEPS_USUAL
    images: int = 1
    adapters: int = 0
    mode: Mode = Mode.TEXT
    pictures: int = 0
    controls: int = 0

    @property
    def key(self) -> str:
        """Its name in what is stored."""
        plain = f"{self.family.value}/{self.pixels}/{self.steps}/{self.images}/{self.adapters}"
        further = {
            self.mode.value: self.mode is not Mode.TEXT,
            f"pictures={self.pictures}": self.pictures,
            f"controls={self.controls}": self.controls,
        }
        return "/".join([plain, *(name for name, is_said in further.items() if is_said)])


def first_guess_s(kind: JobKind) -> float:
    """Guess from size alone."""
    if kind.mode is Mode.UPSCALE_SUBTLE:
        return FIXED_S + ENLARGING_S * kind.images * kind.pixels / PIXELS_USUAL
    pictures_s = PICTURE_S[kind.family] * kind.images * kind.steps / STEPS_USUAL
    pictures_s *= 1 + CONTROL_PART * kind.controls
    before_s = FIXED_S + ADAPTER_S * kind.adapters + PICTURE_READ_S * kind.pictures
    return before_s + pictures_s * kind.pixels / PIXELS_USUAL


class CostModel:
    """Learns the GPU-seconds of every kind of job from measured times."""

    def __init__(self, *, document: Mapping[str, Any] | None = None) -> None:
        document = document or {}
        self._families: dict[ModelFamily, deque[float]] = {
            family: deque(document.get("families", {}).get(family.value, ()), RECENT_OF_FAMILY)
            for family in ModelFamily
        }
        self._errors: dict[ModelFamily, deque[float]] = {
            family: deque(document.get("errors", {}).get(family.value, ()), RECENT_OF_FAMILY)
            for family in ModelFamily
        }
        self._kinds: dict[str, deque[float]] = {
            key: deque(ratios, RECENT_OF_KIND) for key, ratios in document.get("kinds", {}).items()
        }
        # Pixels of a picture by family and aspect ratio: the model decides, not the asker.
        self._sizes: dict[str, int] = dict(document.get("sizes", {}))
        # Remembered predictions: of kinds judged by their own times, and of others by family.
        self._own: dict[JobKind, float] = {}
        self._shared: dict[ModelFamily, dict[JobKind, float]] = {
            family: {} for family in ModelFamily
        }

    def predict_s(self, kind: JobKind) -> float:
        """Return the GPU-seconds a job of this kind will most likely take."""
        known = self._own.get(kind) or self._shared[kind.family].get(kind)
        if known is None:
            known = self._predict_s(kind)
            of_kind = self._kinds.get(kind.key, ())
            own = self._own if len(of_kind) >= TRUSTED else self._shared[kind.family]
            own[kind] = known
        return known

    def kind_of(self, spec: PromptSpec) -> JobKind:
        """Return what a job's time depends on, pictures as large as the last of their ratio.

        Of a ratio never drawn, they are taken to be as large as the family's last of any.
        """
        pixels = self._sizes.get(_ratio_key(spec)) or self._sizes.get(spec.family.value)
        effort = spec.effort
        return JobKind(
            family=spec.family,
            pixels=round((pixels or PIXELS_USUAL) * effort.area),
            steps=ceil(spec.manner.steps_taken(spec.steps or STEPS_USUAL) * effort.strength),
            images=spec.image_count,
            adapters=len(spec.loras),
            mode=effort.mode,
            pictures=effort.pictures,
            controls=len(effort.controls),
        )

    def learn_job(self, spec: PromptSpec, *, gpu_s: float, pixels: int) -> None:
        """Take in what a delivered job took, and the size of each of its pictures."""
        if pixels > 0 and spec.effort.mode in _PLAIN_MODES:
            for key in (_ratio_key(spec), spec.family.value):
                self._sizes.pop(key, None)
                self._sizes[key] = pixels
            while len(self._sizes) > KINDS_MAX:
                del self._sizes[next(iter(self._sizes))]
        self.learn(self.kind_of(spec), gpu_s)

    def learn(self, kind: JobKind, gpu_s: float) -> None:
        """Take in a measured time; one that cannot be is passed over."""
        if not COST_MIN_S <= gpu_s <= COST_MAX_S:
            return
        self._errors[kind.family].append(log(gpu_s / self.predict_s(kind)))
        ratio = log(gpu_s / first_guess_s(kind))
        self._families[kind.family].append(ratio)
        # Newest last, so that the kind nobody asked for longest is forgotten first.
        ratios = self._kinds.pop(kind.key, None) or deque(maxlen=RECENT_OF_KIND)
        ratios.append(ratio)
        self._kinds[kind.key] = ratios
        if len(self._kinds) > KINDS_MAX:
            del self._kinds[next(iter(self._kinds))]
            self._own.clear()
        self._own.pop(kind, None)
        self._shared[kind.family].clear()

    def spread(self, family: ModelFamily) -> tuple[float, ...]:
        """Return five equally likely ratios of measured to predicted time, smallest first."""
        errors = sorted(self._errors[family])
        if len(errors) < TRUSTED:
            return SPREAD_UNKNOWN
        return tuple(exp(errors[int(len(errors) * part)]) for part in (0.1, 0.3, 0.5, 0.7, 0.9))

    def as_json(self) -> dict[str, Any]:
        """Return what was learned as JSON types."""
        return {
            "families": {family.value: list(kept) for family, kept in self._families.items()},
            "errors": {family.value: list(kept) for family, kept in self._errors.items()},
            "kinds": {key: list(kept) for key, kept in self._kinds.items()},
            "sizes": dict(self._sizes),
        }

    def _predict_s(self, kind: JobKind) -> float:
        of_family = self._families[kind.family]
        of_kind = self._kinds.get(kind.key)
        ratio = median(of_family) if of_family else 0.0
        if of_kind:
            trust = min(1.0, len(of_kind) / TRUSTED)
            ratio = trust * median(of_kind) + (1 - trust) * ratio
        return min(COST_MAX_S, max(COST_MIN_S, first_guess_s(kind) * exp(ratio)))


def _ratio_key(spec: PromptSpec) -> str:
    return f"{spec.family.value}/{spec.aspect_ratio}"
