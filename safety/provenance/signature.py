"""What a signature's folder says of itself: the one reader, and writer, of its `signature.json`.

Beside it lie the taught decoder and the extractor that reads what it draws. Which are of one
teaching the file knows by their digests, for either is worth nothing with the other's twin.
"""

import hashlib
import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from safety.errors import SignatureUnusable

FACTS_FILE: Final = "signature.json"
DECODER_FILE: Final = "decoder.safetensors"
EXTRACTOR_FILE: Final = "extractor.safetensors"
VERSION: Final = 1
_NUMBER: Final = re.compile(r"[0-9A-Fa-f]{12}")
_WAY_OUT: Final = (
    "make one with `python -m gpu_worker.starter.signature`, or name the folder of a good one"
)


@dataclass(frozen=True, kw_only=True)
class SignatureFacts:
    """The number that a decoder draws, and over which family's it is laid.

    `shown_at` is by how much its pictures are enlarged before they are shown; `sha256` the digests
    of the files beside it, by name: none in a folder of before they were kept.
    """

    signature: int  # 0 .. 2**48 - 1
    family: str
    shown_at: tuple[float, ...]
    sha256: Mapping[str, str] = field(default_factory=dict)

    @property
    def number(self) -> str:
        """The number as people are told it: 12 hexadecimal digits."""
        return f"{self.signature:012x}"


def read_facts(folder: Path) -> SignatureFacts:
    """Read what a folder says of its signature.

    Raises:
        SignatureUnusable: it says nothing, or nothing that this version understands.

    """
    path = folder / FACTS_FILE
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        if (version := document.get("version", VERSION)) != VERSION:
            raise SignatureUnusable("version", _of_another_version(path, version))
        return _facts_of(document)
    except OSError as error:
        raise _unreadable(path, error) from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise SignatureUnusable(
            "broken", f"{path} does not say what a signature is to say: {_WAY_OUT}"
        ) from error


def check_file(folder: Path, name: str, facts: SignatureFacts) -> Path:
    """Return where a file of the folder lies, if it is the one that the facts are about.

    Raises:
        SignatureUnusable: it is missing, unreadable or another.

    """
    path = folder / name
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise _unreadable(path, error) from error
    if facts.sha256.get(name, digest) != digest:
        raise SignatureUnusable(
            "altered", f"{path} is not the one that {FACTS_FILE} beside it is about: {_WAY_OUT}"
        )
    return path


def write_facts(folder: Path, facts: SignatureFacts) -> None:
    """Write facts beside those of a signature's files that the folder holds, with their digests."""
    digests = {
        name: hashlib.sha256((folder / name).read_bytes()).hexdigest()
        for name in (DECODER_FILE, EXTRACTOR_FILE)
        if (folder / name).is_file()
    }
    document = {
        "version": VERSION,
        "signature": facts.number.upper(),
        "family": facts.family,
        "shown_at": list(facts.shown_at),
        "sha256": digests,
    }
    (folder / FACTS_FILE).write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")


def _facts_of(document: Mapping[str, Any]) -> SignatureFacts:
    """Raise ValueError, KeyError, TypeError or AttributeError for what makes no sense."""
    if not _NUMBER.fullmatch(document["signature"]):
        raise ValueError("a signature has 12 hexadecimal digits")
    shown_at = tuple(float(scale) for scale in document["shown_at"])
    if not shown_at or not all(0 < scale < math.inf for scale in shown_at):
        raise ValueError("it does not say at which size pictures are shown")
    if not isinstance(document["family"], str):
        raise TypeError("a family is a word")
    return SignatureFacts(
        signature=int(document["signature"], 16),
        family=document["family"],
        shown_at=shown_at,
        sha256={str(name): str(digest) for name, digest in document.get("sha256", {}).items()},
    )


def _unreadable(path: Path, error: OSError) -> SignatureUnusable:
    reason = "missing" if isinstance(error, FileNotFoundError | NotADirectoryError) else "broken"
    return SignatureUnusable(
        reason, f"there is no signature to be read at {path} ({error.strerror}): {_WAY_OUT}"
    )


def _of_another_version(path: Path, version: object) -> str:
    return f"{path} is of version {version}, and this reads {VERSION}: update it, or {_WAY_OUT}"
