"""Opens where pictures live, who makes links to them, and what is told that they are gone."""

from typing import NamedTuple

from backend.settings import Settings
from storage.asking import leads_somewhere
from storage.image_store import ImageStore
from storage.link_signers import open_link_signer
from storage.object_store import ObjectStore
from storage.object_stores import LocalStoreSettings, S3StoreSettings, open_object_store
from storage.purgers import open_purger
from storage.signing import load_or_create_signing_keys


class OpenStore(NamedTuple):
    """Where pictures live, and the pictures over it."""

    objects: ObjectStore
    images: ImageStore


def open_store(settings: Settings) -> OpenStore:
    """Open both over the same store."""
    objects = open_objects(settings)
    return OpenStore(objects, _images_over(objects, settings))


def open_images(settings: Settings) -> ImageStore:
    """Open pictures as everybody keeps, links and removes them."""
    return open_store(settings).images


def _images_over(objects: ObjectStore, settings: Settings) -> ImageStore:
    links, purge = settings.cdn_links, settings.purge_settings
    # A local store's links are served from itself; others' can only be followed.
    is_served_elsewhere = settings.s3_bucket is not None
    return ImageStore(
        objects=objects,
        links=None if links is None else open_link_signer(links),
        purger=None if purge is None else open_purger(purge),
        leads_somewhere=leads_somewhere if is_served_elsewhere else None,
    )


def open_objects(settings: Settings) -> ObjectStore:
    """Open the store of pictures: S3 where a bucket is set, else a folder under home."""
    if settings.s3_bucket is not None:
        secret = settings.s3_secret_access_key
        return open_object_store(
            S3StoreSettings(
                bucket=settings.s3_bucket,
                endpoint_url=settings.s3_endpoint_url,
                public_endpoint_url=settings.s3_public_endpoint_url,
                ensure_bucket=settings.s3_ensure_bucket,
                region=settings.s3_region,
                access_key_id=settings.s3_access_key_id,
                secret_access_key=secret.get_secret_value() if secret else None,
            )
        )
    return open_object_store(
        LocalStoreSettings(
            root=settings.objects_folder,
            warm_root=settings.warm_folder,
            cold_root=settings.cold_folder,
            public_url=settings.public_url,
            signing_keys=load_or_create_signing_keys(settings.signing_keys_file),
        )
    )
