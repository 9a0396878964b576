"""Verdicts, screens and checks."""
