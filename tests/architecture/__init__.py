"""Keeps the house standing."""
