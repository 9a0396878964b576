"""Watermark and content credentials; no book on this shelf yet."""
