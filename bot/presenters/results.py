"""The text of a job's message, from its first place in line to its pictures."""

from backend.domain.jobs import Job, JobState, Progress
from backend.domain.languages import language_name
from backend.domain.results import ImageRef
from backend.service.job_view import JobView
from bot.presenters.prompts import plain
from bot.presenters.queue_status import status_line
from bot.presenters.recipes import reproduction_line

NOTES_SHOWN = 4
_BY = "\N{MULTIPLICATION SIGN}"


def job_text(view: JobView, *, asker_id: int | None, progress: Progress | None = None) -> str:
    """Return the content of the message that shows a job.

    `progress` is newer than the job's own, if given. A held job's words are not repeated.
    """
    job = view.job
    status = status_line(view, progress=progress or job.progress)
    asker = f" · <@{asker_id}>" if asker_id else ""
    if job.state is JobState.BLOCKED:
        return f"{status}{asker}\n`{job.id}`"
    lines = [f"**{plain(job.request.prompt)}**{asker}", status, facts_line(job)]
    if job.spec.typed is not job.spec:
        language = language_name(job.spec.language)
        lines.append(f"-# Drawn from {language} as: {plain(job.spec.positive_text)}")
    if job.result is not None and job.result.reproduction is not None:
        lines.append(reproduction_line(job.result.reproduction))
    lines += [f"-# {note}" for note in view.notes[:NOTES_SHOWN]]
    return "\n".join(lines)


def facts_line(job: Job) -> str:
    """Return tier, family, size, seed and id of a job."""
    images = job.images
    size = f"{images[0].width}{_BY}{images[0].height}" if images else str(job.spec.aspect_ratio)
    spec = job.spec
    return f"{spec.tier} · {spec.family} · {size} · seed {job.seed} · `{job.id}`"


def picture_text(job: Job, image: ImageRef, *, asker_id: int) -> str:
    """Return the content of a message that shows one picture of a job."""
    spec = job.spec
    return (
        f"**{plain(job.request.prompt)}** · picture {image.index + 1} · <@{asker_id}>\n"
        f"{spec.tier} · {spec.family} · {image.width}{_BY}{image.height} · "
        f"seed {image.seed} · `{job.id}`"
    )


def links_text(links: list[str]) -> str:
    """Return the lines that stand in for pictures too large to attach."""
    return "Too large to attach here:\n" + "\n".join(f"<{link}>" for link in links)
