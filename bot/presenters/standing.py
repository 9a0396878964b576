"""A member's standing and recent jobs in a few lines."""

from collections.abc import Sequence
from datetime import datetime

from backend.domain.jobs import Job, JobState
from backend.domain.standing import AccountStanding, SanctionKind, Strike
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


_SANCTIONS = {
    SanctionKind.MUTE: "⏸️ Muted",
    SanctionKind.BAN: "⛔ Banned",
    SanctionKind.FREEZE: "⛔ Suspended",
}
_STRIKES_SHOWN = 10


def strikes_text(standing: AccountStanding, *, now: datetime) -> str:
    """Return what was decided of an account and when it ends; never who decided."""
    lines = []
    found = standing.sanction(now)
    if found is not None:
        kind, sanction = found
        reason = "" if kind is SanctionKind.FREEZE else f": {plain(sanction.reason, 200)}"
        end = f" until {moment(sanction.until)}" if sanction.until else ""
        lines.append(f"{_SANCTIONS[kind]}{end}{reason}.")
    strikes = standing.active_strikes(now)
    count = standing.strike_count(now)
    lines.append(f"{count} {'strike' if count == 1 else 'strikes'} that count.")
    lines += [_strike_line(strike) for strike in strikes[-_STRIKES_SHOWN:]]
    return "\n".join(lines)


def moment(at: datetime) -> str:
    """Return a moment as each reader's own clock says it."""
    return f"<t:{int(at.timestamp())}:f>"


def _strike_line(strike: Strike) -> str:
    kind = "Warning" if strike.is_warning else "Strike"
    job = f" · `{strike.job_id}`" if strike.job_id else ""
    return (
        f"- {kind} of {moment(strike.at)}: {plain(strike.reason, 200)}{job} "
        f"· expires {moment(strike.expires_at)}"
    )


def job_choice(job: Job) -> str:
    """Return one job as a line of a choice list, at most 100 characters."""
    return f"{_WORDS[job.state]} · {job.request.prompt}"[:100]
