"""Runs every check over a prompt's words and folds what they find; a check that fails blocks."""

from collections.abc import Sequence

from safety.policy import DEFAULT_POLICY, Policy
from safety.prompt_check import HeavyPromptCheck, PromptCheck
from safety.verdict import Finding, SafetyVerdict, failed_check


def screen_prompt(
    text: str, *, checks: Sequence[PromptCheck], policy: Policy = DEFAULT_POLICY
) -> SafetyVerdict:
    """Judge a text. Never raises; no checks at all block, as does a check that fails.

    Heavy checks are asked only where the others are undecided.
    """
    if not checks:
        return SafetyVerdict.fold([failed_check("screen_prompt", "no_checks")])
    light = [check for check in checks if not isinstance(check, HeavyPromptCheck)]
    findings = [finding for check in light for finding in _run(check, text)]
    if policy.is_undecided(findings):
        heavy = (check for check in checks if isinstance(check, HeavyPromptCheck))
        findings += [finding for check in heavy for finding in _run(check, text)]
    return SafetyVerdict.fold(policy.judge(findings))


def _run(check: PromptCheck, text: str) -> list[Finding]:
    try:
        return list(check.check(text))
    except Exception:  # noqa: BLE001 - the seam where any failure becomes a block
        return [failed_check(check.name, "raised")]
