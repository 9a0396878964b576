"""Opens the home that a command works on."""

from backend.db.migrate import upgrade
from backend.settings import Settings


def open_home() -> Settings:
    """Return the settings, once their home is there and its database is of this release."""
    settings = Settings()
    settings.make_home()
    upgrade(settings.database)
    return settings
