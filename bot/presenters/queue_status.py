"""Where a job stands, as one line: its place in line, a bar of squares, or how it ended."""

from typing import assert_never

from backend.domain.jobs import Job, JobState, Progress
from bot.presenters.errors import failure_sentence

BAR_SQUARES = 10
_FULL, _EMPTY = "🟦", "⬜"  # Block characters are missing in some fonts.


def status_line(job: Job, *, position: int | None, progress: Progress | None) -> str:
    """Return the line that tells how far a job has come."""
    match job.state:
        case JobState.QUEUED:
            return _waiting_line(job, position)
        case JobState.RENDERING:
            return progress_line(progress)
        case JobState.DELIVERED:
            return "✅ Done."
        case JobState.BLOCKED:
            return "🔒 This is held back. A moderator may look at it; you may also rephrase it."
        case JobState.FAILED:
            reason = failure_sentence(job.failure) if job.failure else "It is not known why."
            return f"⚠️ This could not be drawn. {reason}"
        case JobState.CANCELLED:
            return "🛑 Cancelled."
        case _:
            assert_never(job.state)


def progress_line(progress: Progress | None) -> str:
    """Return a bar with percent and step; without any progress yet, an empty bar."""
    if progress is None or progress.steps < 1:
        return f"{_EMPTY * BAR_SQUARES} 0 % · a worker has begun"
    step = min(max(progress.step, 0), progress.steps)
    filled = step * BAR_SQUARES // progress.steps
    bar = _FULL * filled + _EMPTY * (BAR_SQUARES - filled)
    return f"{bar} {step * 100 // progress.steps} % · step {step} of {progress.steps}"


def _waiting_line(job: Job, position: int | None) -> str:
    if not job.is_waiting:
        return "⏳ Handed to a worker; it begins in a moment."
    place = _place(position)
    if job.losses:
        return f"⏳ A worker was lost; back in line, {place}."
    return f"⏳ In line, {place}."


def _place(position: int | None) -> str:
    if position is None:
        return "waiting"
    if position == 0:
        return "next"
    return f"place {position + 1}, {position} before it"
