"""Opens the checks that pictures from outside go through before anything is done with them."""

from collections.abc import Callable, Sequence
from functools import cache
from threading import Lock

from backend.bootstrap.images import open_objects
from backend.settings import Settings
from safety.hash_list import HashList
from safety.hash_lists import open_hash_lists, open_own_list
from safety.image_check import ImageCheck
from safety.image_checks import open_image_checks, wanted_checks
from storage.blocked import BlockedHashes

OpenLists = Callable[[], Sequence[HashList]]


def share_lists(settings: Settings) -> OpenLists:
    """Return what opens the lists of known pictures: once, for all who look in them here.

    Our own, of what was removed here, stands before those that the settings name. What cannot be
    opened is tried anew by whoever asks next; it raises `HashListsInvalid`.
    """

    @cache
    def opened() -> tuple[HashList, ...]:
        own = open_own_list(BlockedHashes(objects=open_objects(settings)).read)
        named = open_hash_lists(settings.hash_lists, cache=settings.home / "hash_lists")
        return (own, *named)

    # Those who look in them do so in threads, and two may be the first.
    opening = Lock()

    def open_lists() -> tuple[HashList, ...]:
        with opening:
            return opened()

    return open_lists


def open_upload_checks(settings: Settings, open_lists: OpenLists) -> tuple[ImageCheck, ...]:
    """Open the checks of a worker, which also look at parts of a picture here.

    Raises:
        CheckFailed, HashListsInvalid: one is set to what it cannot be.
        ImportError: a classifier is set, and transformers is not installed.

    """
    wanted = wanted_checks(
        nsfw_second=settings.nsfw_second,
        nsfw_second_labels=settings.nsfw_second_labels,
        age=settings.age_estimator,
        age_labels=settings.age_estimator_labels,
        hash_lists=tuple(open_lists()),
        looks_at_crops=True,
    )
    return open_image_checks(wanted=wanted)
