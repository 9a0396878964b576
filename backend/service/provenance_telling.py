"""Where a picture is from, as one document and as a few sentences: the same on every surface."""

from collections.abc import Mapping
from typing import Final

from backend.domain.provenance import Manifest, Mark, Origin, Provenance, Trace

_STATES: Final = {
    "trusted": "Its content credentials are ours, and the file is as it was delivered.",
    "untrusted": "It carries content credentials of {issuer}, for which nobody here can vouch.",
    "invalid": "It carries content credentials that do not fit: the file was changed.",
    "absent": "It carries no content credentials.",
}
_ORIGINS: Final = {
    Origin.OURS: "This picture was made here.",
    Origin.OTHER: "This picture is from somewhere else, as far as it tells.",
    Origin.UNKNOWN: "Nothing tells where this picture is from. That is no proof of anything.",
}


def as_document(found: Provenance) -> dict[str, object]:
    """Return all that was found, in JSON types."""
    manifest, mark, likeness = found.manifest, found.mark, found.likeness
    return {
        "origin": found.origin.value,
        "survived": [trace.value for trace in found.traces],
        "job_id": found.job_id,
        "index": None if found.picture is None else found.picture.index,
        "c2pa": _manifest(manifest),
        "watermark": _mark(mark),
        "signature": None if found.signature is None else _mark(found.signature),
        "fingerprint": {
            "distance": None if likeness is None else likeness.distance,
            "job_id": None if likeness is None else likeness.picture.job_id,
        },
    }


def sentences(found: Provenance) -> list[str]:
    """Return what people are told, the answer first."""
    manifest = found.manifest
    told = [_ORIGINS[found.origin]]
    if found.picture is not None:
        told.append(f"It is picture {found.picture.index + 1} of {found.picture.job_id}.")
    told.append(_STATES[manifest.state].format(issuer=manifest.issuer or "somebody"))
    if manifest.state == "trusted" and manifest.model:
        told.append(f"Drawn by {manifest.model} ({manifest.family}), {manifest.made_at}.")
    if manifest.state == "trusted" and manifest.stamped_at:
        told.append(f"An authority of time stamped it, {manifest.stamped_at}.")
    told.append(_mark_sentence(found))
    if found.signature is not None and found.signature.is_present:
        told.append(
            f"A decoder of ours drew it: {found.signature.bits_matched} of {found.signature.bits}"
            f" bits of its signature fit, by chance once in {_odds(found.signature.p_value)}."
        )
    if Trace.FINGERPRINT in found.traces and found.likeness is not None:
        told.append(
            f"It looks like a picture that was delivered: {found.likeness.distance} of 256 bits "
            "of their fingerprints differ."
        )
    return told


def _mark_sentence(found: Provenance) -> str:
    mark = found.mark
    if not mark.is_present:
        return "It has no watermark of ours that could be read."
    told = (
        f"Its watermark is ours: {mark.bits_matched} of {mark.bits} bits fit, by chance once in "
        f"{_odds(mark.p_value)}."
    )
    return told if mark.payload is not None else f"{told} Which picture it names is worn off."


def _mark(mark: Mark) -> Mapping[str, object]:
    return {
        "present": mark.is_present,
        # A registry id, or a decoder's number: 12 hexadecimal digits, as manifests write it.
        "payload": None if mark.payload is None else f"{mark.payload:012x}",
        "p_value": mark.p_value,
        "bits_matched": mark.bits_matched,
        "bits": mark.bits,
    }


def _odds(p_value: float) -> str:
    return "more than 1e18" if p_value < 1e-18 else f"{1 / p_value:.0e}"


def _manifest(manifest: Manifest) -> Mapping[str, object]:
    return {
        "state": manifest.state,
        "issuer": manifest.issuer or None,
        "generator": manifest.generator or None,
        "digital_source_type": manifest.source_type or None,
        "family": manifest.family or None,
        "model": manifest.model or None,
        "decoder": manifest.decoder or None,
        "made_at": manifest.made_at or None,
        "stamped_at": manifest.stamped_at or None,
        "problems": list(manifest.problems),
    }
