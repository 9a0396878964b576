"""Where a job stands, as one line: its place in line, a bar of squares, or how it ended."""

import math
from typing import assert_never

from backend.domain.jobs import Job, JobState, Progress
from backend.domain.outlook import Outlook
from backend.domain.reviews import NEVER_RELEASED
from backend.domain.ways_out import NOT_CHECKED
from backend.service.job_view import JobView
from bot.presenters.errors import failure_sentence

BAR_SQUARES = 10
_FULL, _EMPTY = "🟦", "⬜"  # Block characters are missing in some fonts.


def status_line(view: JobView, *, progress: Progress | None) -> str:
    """Return the line that tells how far a job has come."""
    job = view.job
    match job.state:
        case JobState.QUEUED:
            return _waiting_line(view)
        case JobState.RENDERING:
            return progress_line(progress)
        case JobState.DELIVERED:
            return f"✅ Done. {view.receipt}"
        case JobState.BLOCKED if job.is_not_checked:
            return f"🔒 {NOT_CHECKED}"
        case JobState.BLOCKED:
            return f"🔒 This is held back. {_held_way_out(job)}"
        case JobState.FAILED:
            reason = failure_sentence(job.failure) if job.failure else "It is not known why."
            return f"⚠️ This could not be drawn. {reason} {view.receipt}"
        case JobState.CANCELLED:
            return f"🛑 Cancelled. {view.receipt}"
        case _:
            assert_never(job.state)


def _held_way_out(job: Job) -> str:
    if job.block is not None and job.block.category in NEVER_RELEASED:
        return "Ask for something else."
    return "A moderator may look at it: appeal, or rephrase it."


def progress_line(progress: Progress | None) -> str:
    """Return a bar with percent and step; without any progress yet, an empty bar."""
    if progress is None or progress.steps < 1:
        return f"{_EMPTY * BAR_SQUARES} 0 % · a worker has begun"
    step = min(max(progress.step, 0), progress.steps)
    filled = step * BAR_SQUARES // progress.steps
    bar = _FULL * filled + _EMPTY * (BAR_SQUARES - filled)
    return f"{bar} {step * 100 // progress.steps} % · step {step} of {progress.steps}"


def why_text(view: JobView) -> str:
    """Return why a job is where it is, and when it will probably begin."""
    eta = f" It {eta_text(view.outlook)}." if view.outlook is not None else ""
    return f"`{view.job.id}`: {view.why}{eta}"


def eta_text(outlook: Outlook) -> str:
    """Return when a job will probably begin, and when almost certainly."""
    return f"begins in about {_duration(outlook.p50_s)}, at most {_duration(outlook.p90_s)}"


def _waiting_line(view: JobView) -> str:
    job = view.job
    if not job.is_waiting:
        return "⏳ Handed to a worker; it begins in a moment."
    place = _place(view.position)
    if view.outlook is not None:
        place = f"{place}; {eta_text(view.outlook)}"
    if job.losses:
        return f"⏳ A worker was lost; back in line, {place}."
    return f"⏳ In line, {place}."


def _place(position: int | None) -> str:
    if position is None:
        return "waiting"
    if position == 0:
        return "next"
    return f"place {position + 1}, {position} before it"


def _duration(seconds: float) -> str:
    """Return a time as people say it: rounded, for it changes all the while."""
    if seconds < 10:
        return f"{max(1, math.ceil(seconds))} s"
    if seconds < 90:
        return f"{10 * math.ceil(seconds / 10)} s"
    if seconds < 90 * 60:
        return f"{math.ceil(seconds / 60)} min"
    return f"{math.ceil(seconds / 3600)} h"
