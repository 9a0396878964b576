"""A policy as a document would say it, for people; and as an object, for programs."""

import json
from collections.abc import Iterator

from backend.domain.policies import PolicyRevision
from safety.policy import SCORES, Policy


def policy_lines(policy: Policy) -> Iterator[str]:
    """Yield a policy as a document would say it."""
    yield f"# version {policy.version}"
    yield f'id = "{policy.id}"'
    if policy.guilds_may_soften:
        yield f"guilds_may_soften = {json.dumps(sorted(policy.guilds_may_soften))}"
    yield "[scores]"
    for name in SCORES:
        yield f"{name} = {getattr(policy, f'{name}_score'):g}"
    for title, entries in (("at_most", policy.at_most), ("at_least", policy.at_least)):
        if entries:
            yield f"[{title}]"
            yield from (f'{name} = "{outcome}"' for name, outcome in sorted(entries.items()))


def policy_text(policy: Policy) -> str:
    """Return what `policy_lines` yields as one text."""
    return "\n".join(policy_lines(policy)) + "\n"


def policy_as_json(policy: Policy) -> dict[str, object]:
    """Return a policy for programs."""
    return {
        "id": policy.id,
        "version": policy.version,
        "scores": {name: getattr(policy, f"{name}_score") for name in SCORES},
        "at_most": dict(policy.at_most),
        "at_least": dict(policy.at_least),
        "guilds_may_soften": sorted(policy.guilds_may_soften),
    }


def revision_as_json(revision: PolicyRevision) -> dict[str, object]:
    """Return a version of a guild's policy for programs."""
    return {
        "version": revision.version,
        "author": revision.author,
        "at": revision.at.isoformat(),
        "document": revision.document,
    }
