"""Marks in the pixels themselves."""

from typing import Literal, assert_never

from safety.provenance.watermark import Watermark

WatermarkName = Literal["spread"]


def open_watermark(name: WatermarkName, *, key: bytes) -> Watermark:
    """Open one watermark by name; `key` (32 bytes) is the installation's secret."""
    match name:
        case "spread":
            from safety.provenance.watermarks.spread import SpreadWatermark

            return SpreadWatermark(key=key)
        case _:
            assert_never(name)
