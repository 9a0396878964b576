"""Opens what fetches the pictures behind links in prompts."""

from backend.fetching.fetcher import PictureFetcher
from backend.service.given_pictures import GivenPictures
from backend.service.named_pictures import NamedPictures
from backend.service.uploads import Uploads
from backend.settings import Settings


def open_named_pictures(
    settings: Settings, *, uploads: Uploads | None = None, given: GivenPictures | None = None
) -> NamedPictures:
    """Open what looks after the pictures that prompts name; without `uploads` none are taken in."""
    links = PictureFetcher() if settings.picture_links else None
    return NamedPictures(links=links, uploads=uploads, given=given)
