"""Checks over the pixels of a picture."""
