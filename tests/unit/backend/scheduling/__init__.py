"""Unit tests of backend/scheduling."""
