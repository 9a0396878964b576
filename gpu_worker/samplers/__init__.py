"""Samplers, one a file."""
