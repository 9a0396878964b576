"""Whether the authority that is set stamps manifests with the time."""

from datetime import UTC, datetime
from importlib.metadata import version

from PIL import Image

from backend.bootstrap.provenance import open_signing_credentials
from backend.settings import Settings
from safety.errors import NotMarked
from safety.provenance.c2pa import Facts, Signer, read
from safety.provenance.time_stamps import TimeStampAuthority
from storage.formats import encode_png


def stamp_now(settings: Settings) -> str:
    """Sign a picture of one colour and return the time on its stamp; "" if nobody stamped it."""
    now = datetime.now(UTC)
    credentials = open_signing_credentials(settings, now=now)
    signer = Signer(
        credentials=credentials.current,
        clock=lambda: now,
        authority=TimeStampAuthority(settings.c2pa_time_stamps, clock=lambda: now),
    )
    facts = Facts(version=version("impasto"), family="", model="", model_sha256="", made_at=now)
    try:
        signed = signer.sign(encode_png(Image.new("RGB", (64, 64))), "image/png", facts)
    except NotMarked:
        return ""
    return read(signed, "image/png").stamped_at
