"""Places objects can live: memory, local folder, S3."""
