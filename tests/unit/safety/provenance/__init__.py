"""Marks, seen from inside."""
