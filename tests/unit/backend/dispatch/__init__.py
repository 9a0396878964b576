"""Unit tests of backend/dispatch."""
