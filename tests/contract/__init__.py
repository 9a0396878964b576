"""One suite per seam over every book on its shelf."""
