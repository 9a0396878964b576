"""Model families, one a file; they copy small code rather than lean on each other."""
