"""What an account saves for all its prompts."""

from dataclasses import replace

from backend.domain.preferences import Preferences
from backend.domain.requests import GenerationRequest, Requester
from backend.prompt.preferring import check_option, check_parameters
from backend.service.ports import PreferenceStore


class SavedPreferences:
    """Keeps each account's options and suffix."""

    def __init__(self, *, store: PreferenceStore) -> None:
        self._store = store

    async def of(self, requester: Requester) -> Preferences:
        """Return what the requester's account has saved."""
        return await self._store.get(requester.account_id)

    async def set_option(self, requester: Requester, name: str, value: str) -> Preferences:
        """Have `--name` stand for some parameters, or for nothing again.

        Raises:
            InvalidOption: it cannot be an option.
            BadInput: its parameters cannot be read.

        """

        def edit(preferences: Preferences) -> Preferences:
            return preferences.with_option(*check_option(name, value, preferences))

        return await self._store.change(requester.account_id, edit)

    async def set_suffix(self, requester: Requester, value: str) -> Preferences:
        """Have some parameters follow all prompts, or none again.

        Raises:
            InvalidOption: it cannot be a suffix.
            BadInput: its parameters cannot be read.

        """
        suffix = check_parameters(value)
        return await self._store.change(
            requester.account_id, lambda preferences: replace(preferences, suffix=suffix)
        )

    async def set_writes_parameters(self, requester: Requester, *, is_on: bool) -> Preferences:
        """Have the files of all coming pictures tell prompt and settings, or not."""
        return await self._store.change(
            requester.account_id,
            lambda preferences: replace(preferences, writes_parameters=is_on),
        )


async def preferences_for(
    request: GenerationRequest, saved: SavedPreferences | None
) -> Preferences:
    """Return what counts for a request; nothing where it is to be drawn as it is written."""
    if saved is None or request.is_as_written:
        return Preferences()
    return await saved.of(request.requester)
