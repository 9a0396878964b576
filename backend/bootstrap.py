"""Wires the backend together."""
