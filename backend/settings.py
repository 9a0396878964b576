"""Settings of the backend, read from IMPASTO_ variables."""
