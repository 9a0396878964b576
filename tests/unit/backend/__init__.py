"""Unit tests of the backend, room by room."""
