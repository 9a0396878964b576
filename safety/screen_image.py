"""Runs every check over a picture's pixels and folds what they find; failing or hanging blocks."""

import queue
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite

from PIL import Image

from safety.image_check import ImageCheck
from safety.policy import DEFAULT_POLICY, Policy
from safety.verdict import Finding, Outcome, SafetyVerdict, failed_check


def screen_image(
    pixels: Image.Image,
    *,
    checks: Sequence[ImageCheck],
    timeout_s: float | None = None,
    policy: Policy = DEFAULT_POLICY,
) -> SafetyVerdict:
    """Judge a picture. Never raises; no checks at all block.

    Each check has `timeout_s` seconds (the policy's, if None). One that raises, takes longer, or
    gives a score that is no number from 0 to 1 blocks.
    """
    if not checks:
        return SafetyVerdict.fold([failed_check("screen_image", "no_checks")])
    limit_s = policy.image_check_timeout_s if timeout_s is None else timeout_s
    findings = [finding for check in checks for finding in _run(check, pixels, limit_s)]
    return SafetyVerdict.fold(policy.apply(finding) for finding in findings)


@dataclass(frozen=True)
class _Raised:
    """Stands for a check that raised."""


def _run(check: ImageCheck, pixels: Image.Image, limit_s: float) -> list[Finding]:
    answers: queue.SimpleQueue[list[Finding] | _Raised] = queue.SimpleQueue()

    def ask() -> None:
        try:
            answers.put(list(check.check(pixels)))
        except BaseException:  # noqa: BLE001 - the seam where any failure becomes a block
            answers.put(_Raised())

    # A daemon, so that a check that hangs for ever does not keep the process from ending.
    threading.Thread(target=ask, name=f"image-check-{check.name}", daemon=True).start()
    try:
        answer = answers.get(timeout=limit_s)
    except queue.Empty:
        return [failed_check(check.name, "timed_out")]
    if isinstance(answer, _Raised):
        return [failed_check(check.name, "raised")]
    # That a check ran and found nothing is worth a finding too: a verdict without any is not clear.
    clear = Finding(check=check.name, outcome=Outcome.ALLOW, rule="clear")
    return [_sane(finding) for finding in answer] or [clear]


def _sane(finding: Finding) -> Finding:
    if finding.score is None or (isfinite(finding.score) and 0 <= finding.score <= 1):
        return finding
    return failed_check(finding.check, "score_out_of_range")
