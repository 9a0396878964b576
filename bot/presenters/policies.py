"""What is said of a server's own safety policy."""

from collections.abc import Callable, Sequence

import discord

from backend.domain.policies import PolicyRevision
from backend.service.guild_policies import PolicyThere

NEVER_HAD_ONE = "This server never had a policy of its own; the workshop's holds."
_LINES_MAX = 20


def there_text(there: PolicyThere, *, who: Callable[[str], str]) -> str:
    """Say which policy holds, and whose it is; `who` writes an author."""
    in_force = f"Attached is what holds here, version `{there.policy.version}`."
    if there.own is None:
        return (
            f"This server has no policy of its own: the workshop's, **{there.house.id}**, holds. "
            f"{in_force} "
            "`/policy set` makes one of its own: stricter, and softer where the workshop lets it."
        )
    return (
        f"This server's own policy is **{there.policy.id}**, version {there.own.version}, set by "
        f"{who(there.own.author)} {_when(there.own)}, laid over the workshop's, "
        f"**{there.house.id}**. "
        f"{in_force} `policy.toml` is the server's own document."
    )


def set_text(revision: PolicyRevision) -> str:
    """Say that a document holds."""
    return (
        f"Version {revision.version} holds from now on, for prompts, uploads and pictures. "
        "`/policy show` shows it, `/policy unset` takes it away."
    )


def unset_text(revision: PolicyRevision) -> str:
    """Say that the workshop's policy holds again."""
    return (
        f"The workshop's own policy holds from now on (version {revision.version}). "
        "What was before is in `/policy history`."
    )


def history_text(revisions: Sequence[PolicyRevision], *, who: Callable[[str], str]) -> str:
    """List versions, the newest first, no more than a message holds; `who` writes an author."""
    lines = [
        f"**{one.version}** {'taken away' if one.document is None else 'set'} "
        f"by {who(one.author)} {_when(one)}"
        for one in reversed(revisions)
    ]
    more = len(lines) - _LINES_MAX
    rest = [f"… and {more} older ones"] if more > 0 else []
    return "\n".join([*lines[:_LINES_MAX], *rest]) or NEVER_HAD_ONE


def _when(revision: PolicyRevision) -> str:
    return discord.utils.format_dt(revision.at, "f")
