"""Lists of hashes as files: read, kept in memory, kept fresh. What the books are made of."""
