"""How a picture was made, in the lines that other programs write into files and read from them.

Prompt, negative prompt, then one line of `Name: value` pairs; words that count otherwise than
once stand in brackets, LoRAs in angle brackets after the prompt.
"""

from collections.abc import Sequence
from typing import Final

from backend.contracts import Recipe, RecipeFile, RecipePart, Sampler

# The name under which those programs look for the text in a PNG.
PARAMETERS_NAME: Final = "parameters"
_DIGEST_CHARACTERS: Final = 10
_SAMPLERS: Final = {
    Sampler.EULER_A: ("Euler a", ""),
    Sampler.EULER: ("Euler", ""),
    Sampler.DPMPP_2M: ("DPM++ 2M", ""),
    Sampler.DPMPP_2M_KARRAS: ("DPM++ 2M", "Karras"),
    Sampler.DDIM: ("DDIM", ""),
    Sampler.LCM: ("LCM", ""),
}


def parameters_text(recipe: Recipe, *, seed: int) -> str:
    """Return the lines for one picture."""
    loras = [file for file in recipe.files if file.role == "lora"]
    prompt = " ".join([_words(recipe.parts, recipe.prompt), *(_lora(file) for file in loras)])
    negative = _words(recipe.negative_parts, recipe.negative_prompt)
    lines = [prompt, f"Negative prompt: {negative}"] if negative else [prompt]
    return "\n".join(
        [*lines, ", ".join(f"{name}: {value}" for name, value in _facts(recipe, seed))]
    )


def _facts(recipe: Recipe, seed: int) -> list[tuple[str, str]]:
    sampler, schedule = _SAMPLERS.get(recipe.sampler, (str(recipe.sampler), ""))
    drawn_by = recipe.drawn_by
    facts = [
        ("Steps", str(recipe.steps)),
        ("Sampler", sampler),
        ("Schedule type", schedule),
        ("CFG scale", f"{recipe.guidance:g}"),
        ("Seed", str(seed)),
        ("Size", f"{recipe.width}x{recipe.height}"),
        ("Model hash", drawn_by.model_sha256[:_DIGEST_CHARACTERS]),
        ("Model", _plain(drawn_by.model)),
        ("Version", f"Impasto {drawn_by.engine}".strip()),
    ]
    return [(name, value) for name, value in facts if value]


def _words(parts: Sequence[RecipePart], prompt: str) -> str:
    """Return words in brackets that say their weight; several parts are joined by `BREAK`."""
    if not parts:
        return _one_line(prompt)
    return " BREAK ".join(
        " ".join(_term(term.text, term.weight * part.weight) for term in part.terms)
        for part in parts
    )


def _term(text: str, weight: float) -> str:
    escaped = _one_line(text).replace("(", r"\(").replace(")", r"\)")
    return escaped if weight == 1 else f"({escaped}:{weight:.4g})"


def _lora(file: RecipeFile) -> str:
    return f"<lora:{file.name}:{file.scale:g}>"


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _plain(name: str) -> str:
    """Return a name without what separates the pairs."""
    return name.replace(",", " ").replace(":", " ")
