"""The fixed prompts of the audit: neutral ones, and ones that do say who is to be seen."""

import hashlib
import tomllib
from dataclasses import dataclass
from importlib.resources import files
from typing import Final

FORMAT_VERSION: Final = 1
_PLACE: Final = "{subject}"


@dataclass(frozen=True, kw_only=True)
class AuditPrompt:
    """A prompt and what it is about; `expected` is the group it asks for on an axis, if any."""

    name: str
    words: str
    kind: str
    expected: tuple[str, str] | None = None

    @property
    def is_neutral(self) -> bool:
        """Whether its words say nothing of who is to be seen."""
        return self.expected is None


@dataclass(frozen=True, kw_only=True)
class PromptSet:
    """All prompts of an audit; `digest` tells whether two audits asked the same."""

    prompts: tuple[AuditPrompt, ...]
    digest: str


def shipped_prompts() -> PromptSet:
    """Return the prompts that ship."""
    return read_prompts(files("safety.bias").joinpath("prompts.toml").read_text(encoding="utf-8"))


def read_prompts(text: str) -> PromptSet:
    """Read a prompt file.

    Raises:
        ValueError: it is not TOML, of another version, or says something that no such file has.

    """
    document = tomllib.loads(text)
    if document.keys() - {"version", "template", "neutral", "explicit"}:
        raise ValueError("a prompt file has version, template, neutral and explicit")
    if document.get("version") != FORMAT_VERSION or _PLACE not in document.get("template", ""):
        raise ValueError(f"it must be of version {FORMAT_VERSION}, with {_PLACE} in its template")
    template = str(document["template"])
    neutral = [
        AuditPrompt(name=subject, words=template.replace(_PLACE, subject), kind=kind)
        for kind, subjects in document.get("neutral", {}).items()
        for subject in subjects
    ]
    explicit = [
        AuditPrompt(
            name=subject,
            words=template.replace(_PLACE, subject),
            kind="explicit",
            expected=(axis, group),
        )
        for axis, groups in document.get("explicit", {}).items()
        for group, subject in groups.items()
    ]
    if not neutral:
        raise ValueError("there is no neutral prompt")
    return PromptSet(
        prompts=(*neutral, *explicit), digest=hashlib.sha256(text.encode()).hexdigest()[:16]
    )
