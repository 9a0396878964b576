"""One suite for every check on a shelf."""
