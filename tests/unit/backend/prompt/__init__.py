"""The prompt: parsing, screening."""
