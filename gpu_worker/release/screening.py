"""Judges the pictures of a job, together with the words they were drawn by."""

from collections.abc import Mapping, Sequence

from PIL import Image

from backend.contracts import RenderJob
from safety.errors import NotApproved
from safety.hash_list import HashList, states_of
from safety.image_check import ImageCheck
from safety.policy import Policy
from safety.prompt_check import PromptCheck
from safety.screen_image import screen_images
from safety.screen_prompt import screen_prompt
from safety.verdict import NEVER_CLEARED, ApprovedImage, Finding, SafetyVerdict, failed_check


class Held(Exception):
    """Pictures may not leave; `finding` is the worst that nobody has cleared in any of them.

    `found` is all that was found in each.
    """

    def __init__(
        self,
        finding: Finding,
        pictures: Sequence[Image.Image] = (),
        found: Sequence[tuple[Finding, ...]] = (),
    ) -> None:
        super().__init__(f"{finding.category}: {finding.rule}")
        self.finding = finding
        self.pictures = tuple(pictures)
        self.found = tuple(found)


class Screening:
    """The checks of a worker; `word_checks` find what in the words bears on the pictures.

    `hash_lists` are those that one of the checks looks in: while one is in trouble, nothing passes.
    """

    def __init__(
        self,
        *,
        checks: Sequence[ImageCheck],
        policy: Policy,
        word_checks: Sequence[PromptCheck] = (),
        hash_lists: Sequence[HashList] = (),
    ) -> None:
        self._checks = tuple(checks)
        self._policy = policy
        self._word_checks = tuple(word_checks)
        self._hash_lists = tuple(hash_lists)

    def approve(
        self,
        pictures: Sequence[Image.Image],
        *,
        clearances: frozenset[str],
        timeout_s: float,
        words: str = "",
        policy: Policy | None = None,
    ) -> list[ApprovedImage]:
        """Let all pictures of a job pass, by its own policy if it has one.

        Raises:
            Held: something stands against one of them that no moderator has cleared, or one is not
                what was judged any more.

        """
        verdicts = screen_images(
            pictures,
            checks=self._checks,
            timeout_s=timeout_s,
            policy=policy or self._policy,
            told=self._told(words),
        )
        standing = [one for verdict in verdicts for one in _uncleared(verdict, clearances)]
        if not all(verdict.is_clear(clearances) for verdict in verdicts):
            worst = SafetyVerdict.fold(standing).decisive or failed_check("release", "none")
            raise Held(worst, pictures, [verdict.findings for verdict in verdicts])
        try:
            return [
                ApprovedImage(pixels=pixels, verdict=verdict, clearances=clearances)
                for pixels, verdict in zip(pictures, verdicts, strict=True)
            ]
        except NotApproved as error:
            # Whoever judged painted over what the others had seen.
            raise Held(failed_check("release", "pixels_changed")) from error

    def list_states(self) -> Mapping[str, str]:
        """Return what is the trouble with each list of known pictures; "" if it is well."""
        return states_of(self._hash_lists)

    def _told(self, words: str) -> tuple[Finding, ...]:
        if not (words and self._word_checks):
            return ()
        return screen_prompt(words, checks=self._word_checks, policy=self._policy).findings


def _uncleared(verdict: SafetyVerdict, clearances: frozenset[str]) -> list[Finding]:
    cleared = clearances - NEVER_CLEARED
    return [finding for finding in verdict.findings if finding.category not in cleared]


def words_of(job: RenderJob) -> str:
    """Return all words that a job's pictures are drawn by, less those against which."""
    terms = [term.text for part in job.parts for term in part.terms]
    return "\n".join([job.prompt, *terms])
