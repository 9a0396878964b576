"""Unit tests of backend/delivery."""
