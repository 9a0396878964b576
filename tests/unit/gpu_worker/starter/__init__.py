"""Tests of the starter models' workshop."""
