"""A guild's own policy through the doors of Discord and REST; the command line is the operator's.

All of them end in `Policies`, so that one document is refused everywhere or nowhere.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from backend.domain.errors import BadInput, GuildManagersOnly
from backend.domain.policies import GuildManager, PolicyRevision
from backend.domain.requests import AccountId, Requester
from backend.service.moderators import Moderators
from backend.service.policies import Policies
from safety.grades import NO_PLACE, Circumstances
from safety.policy import Policy


@dataclass(frozen=True, kw_only=True)
class PolicyThere:
    """What holds in a guild, what the deployment has, and the guild's own document, if any."""

    policy: Policy
    house: Policy
    revision: PolicyRevision | None

    @property
    def own(self) -> PolicyRevision | None:
        """The guild's document; None where the deployment's policy holds alone."""
        is_set = self.revision is not None and self.revision.document is not None
        return self.revision if is_set else None


class PolicyDesk:
    """Shows and sets guilds' policies; who manages a guild may do so unless under a sanction.

    `editors` are the accounts whose keys may do it for every guild over REST.
    """

    def __init__(
        self, *, policies: Policies, moderators: Moderators, editors: Collection[AccountId] = ()
    ) -> None:
        self._policies = policies
        self._moderators = moderators
        self._editors = frozenset(editors)

    def editor(self, requester: Requester, guild_id: str) -> GuildManager:
        """Return somebody whom the settings name as who decides for this guild.

        Raises:
            GuildManagersOnly: they do not name them.

        """
        if requester.account_id not in self._editors:
            raise GuildManagersOnly
        return GuildManager(account_id=requester.account_id, guild_id=guild_id)

    async def show(self, manager: GuildManager, there: Circumstances = NO_PLACE) -> PolicyThere:
        """Return what holds in the guild, in some circumstances.

        Raises:
            AccountSuspended: the manager is under a sanction.
            BadInput: it is no guild.

        """
        history = await self.history(manager)
        return PolicyThere(
            policy=await self._policies.in_guild(manager.guild_id, there),
            house=self._policies.house,
            revision=history[-1] if history else None,
        )

    async def history(self, manager: GuildManager) -> Sequence[PolicyRevision]:
        """Return all that the guild's policy was, oldest first.

        Raises:
            AccountSuspended, BadInput: as `show`.

        """
        await self._moderators.must_be_clear(manager.account_id)
        return await self._policies.history(manager.guild_id)

    async def set(self, manager: GuildManager, document: str) -> PolicyRevision:
        """Make a document the guild's policy, on record as the manager's doing.

        Raises:
            AccountSuspended: the manager is under a sanction.
            BadInput: it is no policy, or softer than the deployment lets it be.

        """
        await self._moderators.must_be_clear(manager.account_id)
        return await self._policies.set(
            manager.guild_id, document, author=manager.account_id, actor=manager.account_id
        )

    async def unset(self, manager: GuildManager) -> PolicyRevision:
        """Let the deployment's policy hold in the guild again.

        Raises:
            AccountSuspended: the manager is under a sanction.
            BadInput: it does already.

        """
        await self._moderators.must_be_clear(manager.account_id)
        revision = await self._policies.unset(
            manager.guild_id, author=manager.account_id, actor=manager.account_id
        )
        if revision is None:
            raise BadInput(
                "This guild has no policy of its own.", way_out="The deployment's holds already."
            )
        return revision
