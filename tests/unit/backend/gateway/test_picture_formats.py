"""Which file an `Accept` header gets."""

import pytest

from backend.domain.results import ImageVariant
from backend.gateway.picture_formats import negotiate

BROWSER = "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8"
ALL = tuple(ImageVariant)


@pytest.mark.parametrize(
    ("accept", "variant"),
    [
        ("", ImageVariant.ORIGINAL),
        ("*/*", ImageVariant.ORIGINAL),
        ("image/*", ImageVariant.ORIGINAL),
        ("text/html", ImageVariant.ORIGINAL),
        (BROWSER, ImageVariant.AVIF),
        ("image/webp", ImageVariant.WEBP),
        ("IMAGE/JPEG", ImageVariant.JPEG),
        ("image/png,image/avif;q=0.5", ImageVariant.ORIGINAL),
        ("image/avif;q=0,image/jpeg;q=0.1", ImageVariant.JPEG),
        ("image/avif;q=many,image/webp", ImageVariant.WEBP),
        (",;q=,,", ImageVariant.ORIGINAL),
    ],
)
def test_the_best_liked_format_is_taken(accept: str, variant: ImageVariant) -> None:
    assert negotiate(accept, ALL) is variant


def test_a_picture_of_an_older_release_has_fewer_files() -> None:
    assert negotiate(BROWSER, (ImageVariant.ORIGINAL, ImageVariant.WEBP)) is ImageVariant.WEBP
    assert negotiate("image/avif", (ImageVariant.ORIGINAL,)) is ImageVariant.ORIGINAL
