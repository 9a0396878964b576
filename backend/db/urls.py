"""Database URLs as people write them, turned into the drivers used here."""

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

_ASYNC_DRIVERS = {"sqlite": "sqlite+aiosqlite", "postgresql": "postgresql+psycopg"}


def _parse(url: str) -> tuple[URL, str]:
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise ValueError("the database URL cannot be read") from error
    backend = "postgresql" if parsed.drivername == "postgres" else parsed.get_backend_name()
    if backend not in _ASYNC_DRIVERS:
        raise ValueError(f"the database must be SQLite or PostgreSQL, not {backend}")
    if backend == "sqlite" and (parsed.database or ":memory:") == ":memory:":
        # Readers and the writer have connections of their own and would each see another database.
        raise ValueError("SQLite needs a file")
    return parsed, backend


def async_url(url: str) -> URL:
    """Return the URL for the asynchronous driver.

    Raises:
        ValueError: it names no database that Impasto can use.

    """
    parsed, backend = _parse(url)
    return parsed.set(drivername=_ASYNC_DRIVERS[backend])


def sync_url(url: str) -> URL:
    """Return the URL for the synchronous driver, which migrations use.

    Raises:
        ValueError: it names no database that Impasto can use.

    """
    parsed, backend = _parse(url)
    return parsed.set(drivername="sqlite" if backend == "sqlite" else "postgresql+psycopg")
