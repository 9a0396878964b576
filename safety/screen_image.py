"""Runs every check over pictures and folds what they find; failing, lying or hanging holds.

All checks look at the same time, each at all pictures of a job together.
"""

import threading
import time
from collections.abc import Sequence
from math import isfinite
from typing import Final

from PIL import Image

from safety.image_check import ImageCheck
from safety.policy import DEFAULT_POLICY, Policy
from safety.verdict import Finding, Outcome, SafetyVerdict, digest_of, failed_check
from safety.weighing import weigh

_NAME: Final = "screen_image"


def screen_image(
    pixels: Image.Image,
    *,
    checks: Sequence[ImageCheck],
    timeout_s: float | None = None,
    policy: Policy = DEFAULT_POLICY,
) -> SafetyVerdict:
    """Judge one picture, as `screen_images` does."""
    return screen_images([pixels], checks=checks, timeout_s=timeout_s, policy=policy)[0]


def screen_images(
    pictures: Sequence[Image.Image],
    *,
    checks: Sequence[ImageCheck],
    timeout_s: float | None = None,
    policy: Policy = DEFAULT_POLICY,
    told: Sequence[Finding] = (),
) -> tuple[SafetyVerdict, ...]:
    """Judge pictures, each verdict bound to the pixels as they are now. Never raises.

    `told` is what was found in the words they were drawn by, to be weighed with what they show.
    No checks at all block. Together they have `timeout_s` seconds (the policy's, if None); one that
    raises, takes longer, or gives nonsense holds every picture, with a finding that says so.
    """
    subjects = [digest_of(pixels) for pixels in pictures]
    limit_s = policy.image_check_timeout_s if timeout_s is None else timeout_s
    answers = [_Answer(check, pictures) for check in checks]
    give_up_at = time.monotonic() + limit_s
    found = [answer.take(give_up_at) for answer in answers]
    if not found:
        found = [[[failed_check(_NAME, "no_checks")]] * len(pictures)]
    verdicts = []
    for subject, *of_one in zip(subjects, *found, strict=True):
        findings = [policy.apply(finding) for part in of_one for finding in part]
        verdicts.append(SafetyVerdict.fold(weigh(findings, told, policy), subject=subject))
    return tuple(verdicts)


class _Answer:
    """What one check has to say of all pictures; it is asked as soon as this is made."""

    def __init__(self, check: ImageCheck, pictures: Sequence[Image.Image]) -> None:
        self._check = check
        self._pictures = tuple(pictures)
        self._findings: list[list[Finding]] | None = None
        self._failure = "timed_out"
        self._is_in = threading.Event()
        # A daemon, so that a check that hangs for ever does not keep the process from ending.
        threading.Thread(target=self._ask, name=f"image-check-{check.name}", daemon=True).start()

    def take(self, give_up_at: float) -> list[list[Finding]]:
        """Wait for the answer, until a moment at most; a failure is a finding in each picture."""
        in_time = self._is_in.wait(max(0.0, give_up_at - time.monotonic()))
        if in_time and self._findings is not None:
            return self._findings
        failure = self._failure if in_time else "timed_out"
        return [[failed_check(self._check.name, failure)]] * len(self._pictures)

    def _ask(self) -> None:
        try:
            answer = [list(of_one) for of_one in self._check.check(self._pictures)]
            if len(answer) == len(self._pictures):
                self._findings = [self._complete(of_one) for of_one in answer]
            else:
                self._failure = "wrong_count"
        except BaseException:  # noqa: BLE001 - the seam where any failure holds
            self._failure = "raised"
        finally:
            self._is_in.set()

    def _complete(self, findings: list[Finding]) -> list[Finding]:
        """Replace nonsense; that a check found nothing is worth a finding too.

        A verdict without any is not clear.
        """
        clear = Finding(check=self._check.name, outcome=Outcome.ALLOW, rule="clear")
        return [_sane(finding) for finding in findings] or [clear]


def _sane(finding: Finding) -> Finding:
    if finding.score is None or (isfinite(finding.score) and 0 <= finding.score <= 1):
        return finding
    return failed_check(finding.check, "score_out_of_range")
