"""Tests of what memory there is, and who has it."""
