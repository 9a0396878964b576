"""`impasto verify FILE`: where a picture is from, by the keys and the registry that are here."""

import argparse
import asyncio
import json
import os
import stat
from pathlib import Path

from backend.bootstrap.provenance import open_provenance
from backend.cli.terminal import input_file, say
from backend.db.migrate import upgrade
from backend.domain.errors import PictureInvalid, PictureTooLarge
from backend.domain.provenance import Provenance
from backend.service.provenance import CHECK_BYTES_MAX
from backend.service.provenance_telling import as_document, sentences
from backend.settings import Settings

_MIB = 1024 * 1024


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    parser.add_argument("file", type=input_file, help="a PNG, JPEG, WebP, AVIF or GIF")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Tell where a file is from; the status is 0 whatever the answer is.

    Raises:
        PictureInvalid, PictureTooLarge: it cannot be examined.
        OSError: it cannot be read.

    """
    data = _read(arguments.file)
    settings = Settings()
    if settings.has_database:
        upgrade(settings.database)
    found = asyncio.run(_check(settings, data))
    if arguments.json:
        say(json.dumps(as_document(found)))
    else:
        say("\n".join(sentences(found)))
    return 0


def _read(path: Path) -> bytes:
    """Return a file's bytes; a pipe or a device, which may never end, is not read from.

    Raises:
        PictureInvalid: it is no file.
        PictureTooLarge: it is larger than is examined.
        OSError: it cannot be read.

    """
    # Opening a pipe without this waits for whoever writes into it.
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise PictureInvalid
        data = file.read(CHECK_BYTES_MAX + 1)
    if len(data) > CHECK_BYTES_MAX:
        raise PictureTooLarge(limit=f"at most {CHECK_BYTES_MAX // _MIB} MiB are read")
    return data


async def _check(settings: Settings, data: bytes) -> Provenance:
    async with open_provenance(settings) as provenance:
        return await provenance.check(data)
