"""Marks in the pixels themselves."""

from pathlib import Path
from typing import Literal, assert_never

from safety.errors import MarkImpossible
from safety.provenance.watermark import Watermark

WatermarkName = Literal["spread", "trustmark", "stable_signature"]


def open_watermark(name: WatermarkName, *, key: bytes, folder: Path | None = None) -> Watermark:
    """Open one watermark by name.

    `key` (32 bytes) is the installation's secret; `folder` holds the networks of those that have
    some.

    Raises:
        MarkImpossible: the folder does not hold what this watermark needs.

    """
    match name:
        case "spread":
            from safety.provenance.watermarks.spread import SpreadWatermark

            return SpreadWatermark(key=key)
        case "trustmark":
            from safety.provenance.watermarks.trustmark import TrustMark, load_networks

            return TrustMark(key=key, networks=load_networks(_named(folder, name)))
        case "stable_signature":
            from safety.provenance.watermarks.stable_signature import (
                StableSignature,
                load_extractor,
            )

            return StableSignature(extractor=load_extractor(_named(folder, name)))
        case _:
            assert_never(name)


def _named(folder: Path | None, name: str) -> Path:
    if folder is None:
        raise MarkImpossible(
            f"the watermark `{name}` reads its networks from a folder: name it, or choose `spread`"
        )
    return folder
