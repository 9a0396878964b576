"""Checks over the words of a prompt."""
