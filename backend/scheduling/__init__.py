"""Whose turn it is: pure functions over rows of waiting jobs."""
