"""How strict an installation is: thresholds, and what is held instead of blocked."""

from dataclasses import dataclass, replace

from safety.verdict import NEVER_CLEARED, Finding, Outcome


@dataclass(frozen=True, kw_only=True)
class Policy:
    """Thresholds with the defaults an installation starts with.

    `nsfw_review_score` and `nsfw_block_score` are probabilities; the makers of the shipped model
    call everything above 0.8 explicit and everything below 0.2 harmless. `reviewed_categories` are
    held for a moderator where a rule would block; child safety and failed checks are not softened.
    """

    nsfw_review_score: float = 0.6
    nsfw_block_score: float = 0.8
    image_check_timeout_s: float = 30.0
    reviewed_categories: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        if not 0 < self.nsfw_review_score <= self.nsfw_block_score <= 1:
            raise ValueError("scores must be 0 < review <= block <= 1")
        if not self.image_check_timeout_s > 0:
            raise ValueError("a check needs some time")

    def apply(self, finding: Finding) -> Finding:
        """Soften a block to a review where this policy says so."""
        softened = self.reviewed_categories - NEVER_CLEARED
        if finding.outcome is Outcome.BLOCK and finding.category in softened:
            return replace(finding, outcome=Outcome.REVIEW)
        return finding


DEFAULT_POLICY = Policy()
