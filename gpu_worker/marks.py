"""Opens what marks and signs the pictures of a worker."""

from datetime import UTC, datetime
from importlib.metadata import version

from gpu_worker.release.marking import Marker
from gpu_worker.settings import Settings
from safety.provenance.c2pa import Signer
from safety.provenance.keeping import load_or_create_watermark_key, open_credentials
from safety.provenance.time_stamps import TimeStampAuthority
from safety.provenance.watermarks import open_watermark


def open_marker(settings: Settings) -> Marker:
    """Open the installation's watermark and credentials; where there are none, make them.

    Raises:
        CredentialsInvalid: there is no watermark key, and none can be made.

    """
    folder = settings.provenance_folder
    credentials = open_credentials(
        folder, chain=settings.c2pa_chain, key=settings.c2pa_key, now=_now()
    )
    return Marker(
        watermark=open_watermark("spread", key=load_or_create_watermark_key(folder)),
        signer=Signer(
            credentials=credentials.current,
            clock=_now,
            authority=TimeStampAuthority(settings.c2pa_time_stamps, clock=_now)
            if settings.c2pa_time_stamps
            else None,
        ),
        version=version("impasto"),
        clock=_now,
    )


def _now() -> datetime:
    return datetime.now(UTC)
