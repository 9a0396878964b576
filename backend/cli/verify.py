"""`impasto verify FILE`: where a picture is from, by the keys and the registry that are here."""

import argparse
import asyncio
import json
from pathlib import Path

from backend.bootstrap import open_provenance
from backend.cli.terminal import Subparsers, say
from backend.db.migrate import upgrade
from backend.domain.errors import PictureTooLarge
from backend.domain.provenance import Provenance
from backend.service.provenance import CHECK_BYTES_MAX
from backend.service.provenance_telling import as_document, sentences
from backend.settings import Settings

_MIB = 1024 * 1024


def add_parser(subparsers: Subparsers) -> None:
    """Add the command."""
    parser = subparsers.add_parser("verify", help="tell where a picture is from")
    parser.add_argument("file", type=Path, help="a PNG, JPEG, WebP, AVIF or GIF")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Tell where a file is from; the status is 0 whatever the answer is.

    Raises:
        PictureInvalid, PictureTooLarge: it cannot be examined.
        OSError: it cannot be read.

    """
    if arguments.file.stat().st_size > CHECK_BYTES_MAX:
        raise PictureTooLarge(limit=f"at most {CHECK_BYTES_MAX // _MIB} MiB are read")
    settings = Settings()
    if settings.has_database:
        upgrade(settings.database)
    found = asyncio.run(_check(settings, arguments.file.read_bytes()))
    if arguments.json:
        say(json.dumps(as_document(found)))
    else:
        say("\n".join(sentences(found)))
    return 0


async def _check(settings: Settings, data: bytes) -> Provenance:
    async with open_provenance(settings) as provenance:
        return await provenance.check(data)
