"""A guild's own policy laid over the deployment's: stricter as it likes, softer where it may be.

A guild's document is a policy document with an `id`, `at_most`, `at_least`, `scores` and `grades`;
what it does not say stays as the deployment has it. Child safety and failed checks are nobody's to
soften.
"""

import sys
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from safety.errors import PolicyInvalid
from safety.grades import Circumstances, Grade, last_words
from safety.policy import PAIRS, SCORES, Policy, read_policy
from safety.verdict import NEVER_CLEARED, Outcome

_KEYS: Final = frozenset(["version", "id", "at_most", "at_least", "scores", "grades"])


@dataclass(frozen=True, kw_only=True)
class GuildPolicy:
    """What a guild's document says, and nothing that it leaves unsaid; scores by short name."""

    id: str
    at_most: Mapping[str, Outcome]
    at_least: Mapping[str, Outcome]
    scores: Mapping[str, float]
    grades: tuple[Grade, ...] = ()

    def graded(self, circumstances: Circumstances) -> "GuildPolicy":
        """Return what it says of some circumstances, to be laid over a policy graded alike."""
        holding = [grade for grade in self.grades if grade.holds(circumstances)]
        scores = dict(self.scores)
        if circumstances.is_restricted:
            # Of what a spoiler is there the other score speaks.
            scores.pop("nsfw_spoiler", None)
            if "nsfw_spoiler_restricted" in scores:
                scores["nsfw_spoiler"] = scores["nsfw_spoiler_restricted"]
        return replace(
            self,
            grades=(),
            scores=scores | last_words(holding, "scores"),
            at_most={**self.at_most, **last_words(holding, "at_most")},
            at_least={**self.at_least, **last_words(holding, "at_least")},
        )


def read_guild_policy(text: str) -> GuildPolicy:
    """Read a guild's document.

    Raises:
        PolicyInvalid: it is no policy document, or says what is not a guild's to say.

    """
    policy = read_policy(text)
    said = tomllib.loads(text)
    if foreign := sorted(said.keys() - _KEYS):
        raise PolicyInvalid(f"a guild's policy does not say {', '.join(foreign)}", names=foreign)
    return GuildPolicy(
        id=policy.id,
        at_most=policy.at_most,
        at_least=policy.at_least,
        scores={name: _score(policy, name) for name in said.get("scores", {})},
        grades=policy.grades,
    )


def overlay(house: Policy, guild: GuildPolicy, *, edition: str = "") -> Policy:
    """Return the policy that holds in a guild.

    Where the guild's document is softer than it may be, the deployment's holds: so one that was
    fine when it was set stays harmless when the deployment becomes stricter.
    """
    at_most = {**house.at_most}
    for category, outcome in guild.at_most.items():
        at_most[category] = _cap(house, category, outcome)
    at_least = {**house.at_least}
    for category, outcome in guild.at_least.items():
        at_least[category] = _floor(house, category, outcome)
        # Who wants it stricter is not held back by the deployment's own leniency.
        if category in at_most and category not in guild.at_most:
            at_most[category] = _graver(at_most[category], at_least[category])
    scores: dict[str, Any] = {f"{name}_score": x for name, x in _scores(house, guild).items()}
    return replace(
        house,
        id=guild.id,
        edition=edition,
        at_most=at_most,
        at_least=at_least,
        **scores,
    )


def softenings(house: Policy, guild: GuildPolicy) -> list[str]:
    """Return the names of what a guild's document would soften and may not, in any grade of it."""
    everywhere = [Circumstances(), *(grade.circumstances for grade in guild.grades)]
    return sorted(
        {name for one in everywhere for name in _softenings(house.graded(one), guild.graded(one))}
    )


def _softenings(house: Policy, guild: GuildPolicy) -> Iterator[str]:
    for category, outcome in guild.at_most.items():
        if _cap(house, category, outcome) is not outcome:
            yield category
    for category, outcome in guild.at_least.items():
        if _floor(house, category, outcome) is not outcome:
            yield category
    for name, score in guild.scores.items():
        if not _may_soften(house, name) and score > _score(house, name):
            yield name


def _scores(house: Policy, guild: GuildPolicy) -> dict[str, float]:
    scores = {name: _score(house, name) for name in SCORES}
    for name, score in guild.scores.items():
        scores[name] = score if _may_soften(house, name) else min(score, scores[name])
    for review, block in PAIRS:
        scores[review] = min(scores[review], scores[block])
    return scores


def _cap(house: Policy, category: str, outcome: Outcome) -> Outcome:
    """Return what a finding of a category may come to, if the guild says `outcome`."""
    if category in NEVER_CLEARED:
        return Outcome.BLOCK
    if _may_soften(house, category):
        return outcome
    return _graver(outcome, house.at_most.get(category, Outcome.BLOCK))


def _floor(house: Policy, category: str, outcome: Outcome) -> Outcome:
    """Return what even a mention comes to, if the guild says `outcome`."""
    if _may_soften(house, category):
        return outcome
    return _graver(outcome, house.at_least.get(category, Outcome.ALLOW))


def _graver(one: Outcome, other: Outcome) -> Outcome:
    return max(one, other, key=lambda outcome: outcome.severity)


def _may_soften(house: Policy, name: str) -> bool:
    return name in house.guilds_may_soften


def _score(policy: Policy, name: str) -> float:
    return float(getattr(policy, f"{name}_score"))


def closed(house: Policy, *, edition: str = "") -> Policy:
    """Return a policy that lets nothing pass without a moderator: of what cannot be read."""
    least: dict[str, Any] = {f"{review}_score": sys.float_info.min for review, _ in PAIRS}
    return replace(house, id="unreadable", edition=edition, at_most={}, **least)
