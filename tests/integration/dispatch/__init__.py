"""The dispatcher on a real Valkey and SQLite."""
