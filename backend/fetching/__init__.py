"""Fetches pictures that people link to, from public addresses and from nowhere else."""
