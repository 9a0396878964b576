"""Which safety policy holds where: the deployment's, and what guilds made of it for themselves."""

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

import structlog

from backend.contracts import PolicyUse
from backend.domain.errors import BadInput
from backend.domain.policies import DOCUMENT_MAX_CHARACTERS, PolicyRevision
from backend.domain.requests import Place
from backend.prompt.judging import PromptScreen, SafetyScreen
from backend.service.ports import Clock
from safety.errors import PolicyInvalid
from safety.grades import NO_PLACE, Circumstances
from safety.overlay import closed, overlay, read_guild_policy, softenings
from safety.policy import DEFAULT_POLICY, SCORES, Policy

AUTHOR_MAX_CHARACTERS: Final = 100
_WORD: Final = re.compile(r"[\w.-]+")
_GUILD_ID: Final = re.compile(r"[0-9]{1,20}")

_log = structlog.get_logger(__name__)


class GuildPolicies(Protocol):
    """The documents of guilds; what was stored is never changed."""

    async def newest(self, guild_id: str) -> PolicyRevision | None:
        """Return what a guild's policy is now; None if it never had one."""

    async def history(self, guild_id: str) -> list[PolicyRevision]:
        """Return all that a guild's policy was, oldest first."""

    async def add(
        self, guild_id: str, *, document: str | None, author: str, at: datetime, actor: str = ""
    ) -> PolicyRevision:
        """Store a guild's next version, however many do so at once.

        `actor` is the account on record as whose doing it is; an operator's where there is none.
        """


class Policies:
    """Reads and sets policies; `house` is the deployment's own."""

    def __init__(self, *, house: Policy, guilds: GuildPolicies, clock: Clock) -> None:
        self.house = house
        self._guilds = guilds
        self._clock = clock

    async def at(self, place: Place | None) -> Policy:
        """Return the policy that holds at a place now, for the one who asks there."""
        if place is None:
            return self.house
        return await self.in_guild(place.guild_id, circumstances_of(place))

    async def in_guild(self, guild_id: str, circumstances: Circumstances = NO_PLACE) -> Policy:
        """Return the policy that holds in a guild now, in some circumstances."""
        return laid_over(self.house, await self.newest(guild_id), circumstances)

    async def newest(self, guild_id: str) -> PolicyRevision | None:
        """Return what a guild's own policy is now; None if it never had one."""
        return await self._guilds.newest(guild_id)

    async def set(
        self, guild_id: str, document: str, *, author: str, actor: str = ""
    ) -> PolicyRevision:
        """Make a document a guild's policy.

        Raises:
            BadInput: it is no policy, or softer than the deployment lets it be.

        """
        must_be_fit(self.house, document)
        return await self._add(guild_id, document, author, actor)

    async def unset(self, guild_id: str, *, author: str, actor: str = "") -> PolicyRevision | None:
        """Let the deployment's policy hold in a guild again; None if it does already."""
        newest = await self._guilds.newest(_known_form(guild_id))
        if newest is None or newest.document is None:
            return None
        return await self._add(guild_id, None, author, actor)

    async def history(self, guild_id: str) -> list[PolicyRevision]:
        """Return all that a guild's policy was, oldest first."""
        return await self._guilds.history(_known_form(guild_id))

    async def _add(
        self, guild_id: str, document: str | None, author: str, actor: str
    ) -> PolicyRevision:
        name = author.strip()
        if not name.isprintable() or not 0 < len(name) <= AUTHOR_MAX_CHARACTERS:
            raise BadInput(
                f"An author's name has 1 to {AUTHOR_MAX_CHARACTERS} printable characters.",
                way_out="Say who decides this: --by NAME.",
            )
        return await self._guilds.add(
            _known_form(guild_id), document=document, author=name, at=self._clock(), actor=actor
        )


def circumstances_of(place: Place) -> Circumstances:
    """Return what of a place counts for the grades of policies."""
    return circumstances_in(is_age_restricted=place.is_age_restricted, roles=place.roles)


def circumstances_in(*, is_age_restricted: bool, roles: Iterable[str]) -> Circumstances:
    """Return circumstances for surfaces that ask what would hold in them."""
    return Circumstances(is_restricted=is_age_restricted, roles=frozenset(roles))


def laid_over(
    house: Policy, revision: PolicyRevision | None, circumstances: Circumstances = NO_PLACE
) -> Policy:
    """Return what a guild's document comes to; one that cannot be read any more holds everything.

    It was read when it was set, so only a release that is older than it cannot. In `circumstances`
    both are graded first, so that the guild is held to what the deployment says of just these.
    """
    house = house.graded(circumstances)
    if revision is None or revision.document is None:
        return house
    edition = str(revision.version)
    try:
        guild = read_guild_policy(revision.document).graded(circumstances)
        return overlay(house, guild, edition=edition)
    except PolicyInvalid as error:
        _log.error("guild_policy_unreadable", guild_id=revision.guild_id, reason=str(error))
        return closed(house, edition=edition)


def policy_use(policy: Policy) -> PolicyUse | None:
    """Return what a worker needs of a policy; None is what every worker does by itself."""
    if policy == DEFAULT_POLICY:
        return None
    scores = {name: float(getattr(policy, f"{name}_score")) for name in SCORES}
    # That is for whoever grades.
    del scores["nsfw_spoiler_restricted"]
    return PolicyUse(
        id=policy.id,
        version=policy.version,
        scores=scores,
        at_most={name: outcome.value for name, outcome in policy.at_most.items()},
        at_least={name: outcome.value for name, outcome in policy.at_least.items()},
    )


def must_be_fit(house: Policy, document: str) -> None:
    """Refuse a document that cannot be a guild's policy, and tell the lines at which that shows.

    Raises:
        BadInput: it is no policy, or softer than the deployment lets it be.

    """
    if len(document) > DOCUMENT_MAX_CHARACTERS:
        raise BadInput(
            f"A guild's policy has at most {DOCUMENT_MAX_CHARACTERS} characters.",
            way_out="Leave out what the deployment says already.",
        )
    try:
        wish = read_guild_policy(document)
    except PolicyInvalid as error:
        raise BadInput(
            f"This is no policy of a guild: {error}{lines_of(document, error.names)}.",
            way_out='It begins with `version = 1` and `id = "…"`; see safety/README.md.',
        ) from error
    if softer := softenings(house, wish):
        raise BadInput(
            f"It would be softer than {house.id} allows in {', '.join(softer)}"
            f"{lines_of(document, softer)}.",
            way_out="Leave that out, or name it in `guilds_may_soften` of the deployment's policy;"
            " child safety and failed checks are nobody's to soften.",
        )


def lines_of(document: str, names: Collection[str]) -> str:
    """Return the lines of a document on which one of these stands, in brackets; "" if none does."""
    lines = [
        number
        for number, line in enumerate(document.splitlines(), 1)
        if not set(_WORD.findall(line.partition("#")[0])).isdisjoint(names)
    ]
    if not lines:
        return ""
    return f" (line{'s' if len(lines) > 1 else ''} {', '.join(map(str, lines))})"


def _known_form(guild_id: str) -> str:
    if not _GUILD_ID.fullmatch(guild_id):
        raise BadInput("A guild's id is a number.", way_out="Discord shows it in developer mode.")
    return guild_id


class PlacePolicies(Protocol):
    """The policies of all places."""

    async def at(self, place: Place | None) -> Policy:
        """Return the policy that holds at a place now, for the one who asks there."""


@dataclass(frozen=True)
class OneEverywhere:
    """One policy for all places."""

    policy: Policy

    async def at(self, place: Place | None) -> Policy:
        del place
        return self.policy


class Screens(Protocol):
    """The screens of all places."""

    async def at(self, place: Place | None) -> PromptScreen:
        """Return the screen that judges prompts from a place."""


@dataclass(frozen=True)
class Everywhere:
    """One screen for all places."""

    screen: PromptScreen

    async def at(self, place: Place | None) -> PromptScreen:
        del place
        return self.screen


@dataclass(frozen=True)
class ScreensByPolicy:
    """The same checks everywhere, judged by the policy of the place."""

    screen: SafetyScreen
    policies: Policies

    async def at(self, place: Place | None) -> PromptScreen:
        return self.screen.under(await self.policies.at(place))
