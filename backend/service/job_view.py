"""A job as it is shown: where it stands, why, and what it costs."""

from dataclasses import dataclass
from math import log
from typing import Final, assert_never

from backend.billing.ledger import Cost, cost_of
from backend.contracts import RenderNote
from backend.domain.jobs import Job, JobState
from backend.domain.languages import language_name
from backend.domain.outlook import Outlook
from backend.domain.prompts import PromptSpec
from backend.domain.ways_out import NOT_CHECKED
from backend.prompt.support import notes_of

# Ratios that differ by less than a hundredth look the same.
NEARLY = 0.01
NOTHING_CHARGED = "Nothing was charged."
_NOTES_OF_WORKERS: Final[dict[str, str]] = {
    RenderNote.WORDS_CUT: "The prompt goes on where this model reads no further.",
    RenderNote.GIST_UNWEIGHTED: "Words were weighed one by one, but not in the prompt's gist.",
    RenderNote.NEGATIVE_IGNORED: "This model looks at no negative prompt.",
    RenderNote.WORDS_ADDED: "Words that call a LoRA's style were added to the prompt.",
}


@dataclass(frozen=True, kw_only=True)
class JobView:
    """A job and, while it waits, how many jobs are served before it (0 = next).

    The outlook is missing while nobody dispatches; the position is then counted in the table.
    `is_repeated` tells that a submission was the repetition of the one that made this job.
    """

    job: Job
    position: int | None = None
    outlook: Outlook | None = None
    is_repeated: bool = False

    @property
    def cost(self) -> Cost:
        """What is held for the job, and what of it was charged and refunded."""
        return cost_of(self.job)

    @property
    def receipt(self) -> str:
        """What an ended job was charged, in one sentence; empty while it goes on or is held."""
        charged_s = self.cost.charged_s
        match self.job.state:
            case JobState.DELIVERED:
                return f"{gpu_time(charged_s)} charged."
            case JobState.CANCELLED if charged_s and self.job.progress is not None:
                done = f"{self.job.progress.step} of {self.job.progress.steps} steps"
                return f"After {done}: {gpu_time(charged_s)} charged, the rest refunded."
            case JobState.CANCELLED | JobState.FAILED:
                return NOTHING_CHARGED
            case JobState.QUEUED | JobState.RENDERING | JobState.BLOCKED:
                return ""
            case _:
                assert_never(self.job.state)

    @property
    def notes(self) -> tuple[str, ...]:
        """What was only come near to, or drawn otherwise than asked, in a sentence each."""
        untranslated = filter(None, (untranslated_note(self.job.spec),))
        drawn = self.job.result.notes if self.job.result else ()
        told = (_NOTES_OF_WORKERS[note] for note in drawn if note in _NOTES_OF_WORKERS)
        return (*untranslated, *notes_of(self.job.spec), *self._size_note, *told)

    @property
    def _size_note(self) -> tuple[str, ...]:
        images = self.job.images
        asked = self.job.spec.aspect_ratio
        if not images:
            return ()
        width, height = images[0].width, images[0].height
        if abs(log(width / height * asked.height / asked.width)) < NEARLY:
            return ()
        return (f"--ar {asked} is drawn as {width}x{height}, the nearest this model draws.",)

    @property
    def why(self) -> str:
        """Why the job is where it is, and what it was charged if it has ended."""
        return f"{self._why} {self.receipt}".rstrip()

    @property
    def _why(self) -> str:
        match self.job.state:
            case JobState.QUEUED if self.outlook is not None:
                return self.outlook.why
            case JobState.QUEUED if not self.job.is_waiting:
                return "It has been handed to a worker, and begins in a moment."
            case JobState.QUEUED:
                return "It waits in line; where exactly is being worked out."
            case JobState.RENDERING:
                return "It is being drawn."
            case JobState.DELIVERED:
                return "It is done; its pictures are there."
            case JobState.BLOCKED if self.job.is_not_checked:
                return NOT_CHECKED
            case JobState.BLOCKED:
                return "It is held back by a safety check; a moderator may look at it."
            case JobState.FAILED:
                return self.job.failure.message if self.job.failure else "It failed."
            case JobState.CANCELLED:
                return "It was cancelled."
            case _:
                assert_never(self.job.state)


def untranslated_note(spec: PromptSpec) -> str:
    """Say that words were drawn as typed because they could not be translated; "" if they were."""
    told = spec.translation
    if told is None or not told.failure:
        return ""
    language = language_name(told.language)
    why = {
        "slow": "the translator took too long",
        "unread": f"the translator here does not read {language}",
    }.get(told.failure, "the translator does not answer")
    return f"Not translated from {language}: {why}, so the words are drawn as they were typed."


def gpu_time(seconds: float) -> str:
    """Say an amount of GPU time with two digits."""
    digits = f"{seconds:.0f}" if seconds >= 10 else f"{seconds:.2g}"
    return f"{digits} GPU-second{'' if digits == '1' else 's'}"
