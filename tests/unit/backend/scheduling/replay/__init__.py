"""Unit tests of backend/scheduling/replay."""
