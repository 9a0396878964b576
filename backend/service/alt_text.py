"""What a picture shows, for those who cannot see it: the words it was drawn from."""

from typing import Final

from backend.domain.jobs import Job
from backend.domain.results import ImageRef

# Discord takes 1024 characters; readers are spared the whole of a very long prompt.
CHARACTERS_MAX: Final = 300


def alt_text(job: Job, image: ImageRef) -> str:
    """Return the alternative text of one picture of a job."""
    count = len(job.result.images) if job.result else 1
    place = f" ({image.index + 1} of {count})" if count > 1 else ""
    return f"AI-generated picture{place}: {_words(job)}"


def grid_alt_text(job: Job) -> str:
    """Return the alternative text of all pictures of a job, side by side."""
    count = len(job.result.images) if job.result else 1
    if count == 1:
        return f"AI-generated picture: {_words(job)}"
    return f"{count} AI-generated pictures, two in a row: {_words(job)}"


def _words(job: Job) -> str:
    # Not the whole of what was typed: nobody is to be read "dash dash a r, three colon two".
    words = " ".join(job.spec.typed.positive_text.split())
    if len(words) > CHARACTERS_MAX:
        return f"{words[: CHARACTERS_MAX - 1].rstrip()}…"
    return words or "no words were given"
