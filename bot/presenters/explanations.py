"""What a prompt would become, in a few lines; and the question before many jobs."""

from backend.domain.languages import language_name
from backend.service.explanations import Explanation, Foretold
from backend.service.job_view import gpu_time
from bot.presenters.prompts import plain, shorten
from bot.presenters.queue_status import eta_text

CONTENT_CHARACTERS = 1900
PROMPTS_SHOWN = 5
WORDS_SHOWN = 12
_BY = "\N{MULTIPLICATION SIGN}"


def explanation_text(explanation: Explanation) -> str:
    """Return what would be drawn, its tokens, cost and time, within one message."""
    lines = ["🧪 Nothing is drawn; this is what would be."]
    for prompt in explanation.prompts[:PROMPTS_SHOWN]:
        lines += _prompt_lines(prompt)
    hidden = len(explanation.prompts) - PROMPTS_SHOWN
    if hidden > 0:
        lines.append(f"… and {hidden} more prompts.")
    lines.append(_cost_line(explanation))
    if explanation.outlook is not None:
        lines.append(f"The first {eta_text(explanation.outlook)}.")
    if explanation.refusal:
        lines.append(f"⚠️ {explanation.refusal}")
    return shorten_lines(lines)


def confirm_text(explanation: Explanation) -> str:
    """Return the question before a prompt that stands for many jobs."""
    first = explanation.prompts[0]
    return (
        f"This prompt stands for **{explanation.jobs} jobs**, together about "
        f"{gpu_time(explanation.cost_s)}; the first is **{plain(first.spec.positive_text, 100)}**. "
        "To draw all of them, send it again with the option `confirm`."
    )


def shorten_lines(lines: list[str]) -> str:
    """Return as many whole lines as one message holds."""
    kept: list[str] = []
    for line in lines:
        if sum(len(each) + 1 for each in kept) + len(line) > CONTENT_CHARACTERS:
            kept.append("…")
            break
        kept.append(line)
    return "\n".join(kept)


def _prompt_lines(prompt: Foretold) -> list[str]:
    spec = prompt.spec
    size = f"{prompt.size[0]}{_BY}{prompt.size[1]}" if prompt.size else str(spec.aspect_ratio)
    steps = "" if prompt.steps is None else f" · {prompt.steps} steps"
    times = f" · {prompt.times} times" if prompt.times > 1 else ""
    lines = [
        f"**{plain(_weighed(prompt), 300)}**",
        f"{spec.tier} · {spec.family} · {spec.image_count} of {size}{steps}{times}",
    ]
    if spec.typed is not spec:
        lines.append(f"-# read from {language_name(spec.language)}")
    if spec.negative:
        lines.append(f"without {plain(spec.negative_text, 200)}")
    lines += _token_lines(prompt)
    if not prompt.verdict.is_allowed:
        lines.append("🔒 This prompt would be held back. Rephrase it, or ask a moderator.")
    lines += [f"-# {plain(note, 300)}" for note in prompt.notes]
    return lines


def _weighed(prompt: Foretold) -> str:
    parts = []
    for part in prompt.spec.drawn:
        text = "".join(
            term.text if term.weight == 1 else f"({term.text}:{term.weight:g})"
            for term in part.terms
        )
        parts.append(text if part.weight == 1 else f"{text}::{part.weight:g}")
    return " ┃ ".join(parts)


def _token_lines(prompt: Foretold) -> list[str]:
    if prompt.uncounted:
        return [f"tokens: not counted, for {prompt.uncounted}"]
    counts = ", ".join(
        f"{one.encoder} {' + '.join(map(str, one.tokens))} of {one.room}" for one in prompt.tokens
    )
    fallen = [word for one in prompt.tokens for word in one.fallen]
    lines = [f"tokens: {counts}"]
    if fallen:
        shown = shorten(" ".join(fallen[:WORDS_SHOWN]), 200)
        lines.append(f"✂️ not read: {plain(shown)}")
    return lines


def _cost_line(explanation: Explanation) -> str:
    jobs = "1 job" if explanation.jobs == 1 else f"{explanation.jobs} jobs"
    return f"{jobs}, about {gpu_time(explanation.cost_s)}."
