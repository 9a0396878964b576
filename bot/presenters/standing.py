"""A member's standing and recent jobs in a few lines."""

from collections.abc import Sequence

from backend.domain.jobs import Job, JobState
from backend.service.accounts import AccountInfo
from backend.service.job_view import gpu_time
from bot.presenters.prompts import plain

_RECENT_SHOWN = 5
_WORDS = {
    JobState.QUEUED: "in line",
    JobState.RENDERING: "being drawn",
    JobState.DELIVERED: "delivered",
    JobState.BLOCKED: "held back",
    JobState.FAILED: "failed",
    JobState.CANCELLED: "cancelled",
}


def standing_text(info: AccountInfo, recent: Sequence[Job]) -> str:
    """Return how a member's newest jobs stand, what they were charged, and the newest few jobs."""
    counted = [
        f"{info.counts[state]} {word}" for state, word in _WORDS.items() if info.counts[state]
    ]
    lines = ["Your newest jobs: " + (", ".join(counted) or "none yet. Begin with `/imagine`") + "."]
    balance = info.balance
    held = f"; {gpu_time(balance.held_s)} held for what is not finished" if balance.held_s else ""
    lines.append(f"Charged so far: {gpu_time(balance.charged_s)}{held}.")
    lines += [
        f"`{job.id}` · {_WORDS[job.state]} · {plain(job.request.prompt, 60)}"
        for job in recent[:_RECENT_SHOWN]
    ]
    return "\n".join(lines)


def job_choice(job: Job) -> str:
    """Return one job as a line of a choice list, at most 100 characters."""
    return f"{_WORDS[job.state]} · {job.request.prompt}"[:100]
