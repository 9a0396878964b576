"""A dry run in lines for people."""

from collections.abc import Iterator, Sequence

from backend.domain.languages import language_name
from backend.domain.prompts import WeightedPart
from backend.models.tokens import EncoderCount, Reader
from backend.prompt.write import write_manner
from backend.service.explanations import Explanation, Foretold


def explanation_lines(explanation: Explanation) -> Iterator[str]:
    """Yield what would become of a prompt."""
    for number, prompt in enumerate(explanation.prompts, start=1):
        if len(explanation.prompts) > 1:
            yield f"Prompt {number} of {len(explanation.prompts)}:"
        yield from _prompt_lines(prompt)
    jobs = f"{explanation.jobs} job{'' if explanation.jobs == 1 else 's'}"
    yield f"cost      {jobs}, about {explanation.cost_s:.3g} GPU-seconds in all"
    outlook = explanation.outlook
    if outlook is not None:
        yield f"begins    in about {outlook.p50_s:.0f} s, at most {outlook.p90_s:.0f} s"
    else:
        yield "begins    nobody can tell: no worker that draws it is running"
    if explanation.refusal:
        yield f"but       {explanation.refusal}"


def _prompt_lines(prompt: Foretold) -> Iterator[str]:
    spec = prompt.spec
    if spec.typed is not spec:
        yield f"typed     {spec.typed.positive_text}  ({language_name(spec.language)})"
    for part in (*spec.drawn, *spec.negative):
        label = "leave out" if part in spec.negative else "draw"
        yield f"{label:9} {_part(part)}"
    size = f"{prompt.size[0]}x{prompt.size[1]}" if prompt.size else "size unknown here"
    steps = "the model's own steps" if prompt.steps is None else f"{prompt.steps} steps"
    yield f"as        {spec.image_count} of {size} ({spec.aspect_ratio}) by {spec.family}, {steps}"
    manner = " ".join(write_manner(spec.manner))
    if manner:
        yield f"in manner {manner}"
    yield from _token_lines(prompt)
    safety = prompt.verdict.outcome + (
        f" ({prompt.verdict.category})" * bool(prompt.verdict.category)
    )
    yield f"safety    {safety}"
    yield from (f"note      {note}" for note in prompt.notes)


def _token_lines(prompt: Foretold) -> Iterator[str]:
    if prompt.uncounted:
        yield f"tokens    not counted: {prompt.uncounted}"
        return
    yield from (f"tokens    {_count(one)}" for one in prompt.tokens)
    yield from (f"tokens    {_count(one)}, to leave out" for one in prompt.negative_tokens)


def _count(count: EncoderCount) -> str:
    tokens = " + ".join(str(one) for one in count.tokens)
    text = f"{count.encoder}: {tokens} of {count.room}"
    if count.reader is Reader.GIST:
        text += " for the gist"
    return f"{text}; falls off: {_words(count.fallen)}" if count.fallen else text


def _words(words: Sequence[str]) -> str:
    shown = " ".join(words[:12])
    return f"{shown} and {len(words) - 12} more" if len(words) > 12 else shown


def _part(part: WeightedPart) -> str:
    terms = "".join(
        term.text if term.weight == 1 else f"({term.text}:{term.weight:g})" for term in part.terms
    )
    return terms if part.weight == 1 else f"{terms}  (weighs {part.weight:g})"
