"""Fingerprints that tell copies of a picture, and an index that finds them among ten million."""

from safety.fingerprint.index import HashIndex, Match
from safety.fingerprint.pdq import (
    BYTES,
    MATCH_DISTANCE,
    QUALITY_FLOOR,
    Fingerprint,
    crops,
    dihedrals,
    fingerprint,
)

__all__ = [
    "BYTES",
    "MATCH_DISTANCE",
    "QUALITY_FLOOR",
    "Fingerprint",
    "HashIndex",
    "Match",
    "crops",
    "dihedrals",
    "fingerprint",
]
