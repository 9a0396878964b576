"""Lists of known-image hashes; none ships yet."""
