"""How pictures were made, in the few lines that a member reads."""

from backend.domain.jobs import Job
from backend.domain.recipes import Recipe, Reproduction

_DIGITS = 12
_BY = "\N{MULTIPLICATION SIGN}"


def recipe_text(job: Job, recipe: Recipe) -> str:
    """Return what made a job's pictures what they are; the file beside it says all of it."""
    drawn_by = recipe.drawn_by
    libraries = ", ".join(f"{name} {number}" for name, number in drawn_by.libraries.items())
    lines = [
        f"How `{job.id}` was made:",
        f"{recipe.family} · {recipe.width}{_BY}{recipe.height} · {recipe.steps} steps · "
        f"guidance {recipe.guidance:g} · {recipe.sampler} · seed {recipe.seed}",
        f"model `{drawn_by.model}` ({drawn_by.model_sha256[:_DIGITS] or 'unknown'})",
        *(
            f"{file.role} `{file.name}` ({file.sha256[:_DIGITS]}) at {file.scale:g}"
            for file in recipe.files
        ),
        f"{drawn_by.device}, {drawn_by.dtype} · {libraries}",
    ]
    if not recipe.is_repeatable:
        lines.append("Others shared its steps: drawn again it may differ by a hair.")
    return "\n".join(lines)


def reproduction_line(made: Reproduction) -> str:
    """Return in one sentence whether the very same pictures came out again."""
    if made.is_same:
        return "The very same picture: every pixel is equal."
    differs = ", ".join(made.differs)
    return f"Not quite the same pixels{f'; different: {differs}' if differs else ''}."
