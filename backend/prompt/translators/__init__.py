"""Translators a prompt may pass through; none ships yet."""
