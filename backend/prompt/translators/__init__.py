"""Translators a prompt may pass through; none ships yet, so there is nothing to open."""
