"""REST endpoints, one noun a file."""
