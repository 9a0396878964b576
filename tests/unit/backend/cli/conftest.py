"""What the command line's unit tests share."""

from tests.fakes.models import tiny_flux, tiny_sd3, tiny_sdxl  # noqa: F401 - fixtures
